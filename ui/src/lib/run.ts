export const PARENT = "mlflow.parentRunId"
export const NOTE = "mlflow.note.content"
/** Of runs whose clients promise signs of life. */
export const LEASE = "millrace.lease.ttl_ms"
/** Why a run ended. */
export const CAUSE = "millrace.end.cause"

interface Tagged {
  data?: { tags?: { key: string; value: string }[] } | undefined
}

export function tagsOf({ data }: Tagged): Map<string, string> {
  return new Map((data?.tags ?? []).map(({ key, value }) => [key, value]))
}

/** Tags that people have set; those with a reserved prefix have places of their own. */
export function ownTags(run: Tagged): [string, string][] {
  return [...tagsOf(run)].filter(([key]) => !/^(mlflow|millrace)\./.test(key))
}
