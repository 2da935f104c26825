export const PARENT = "mlflow.parentRunId"
export const NOTE = "mlflow.note.content"
/** Who has asked a run to stop, and when. */
const STOP = "millrace.stop"
/** Why a run ended. */
export const CAUSE = "millrace.end.cause"

interface Tagged {
  data?: { tags?: { key: string; value: string }[] } | undefined
}

export function tagsOf({ data }: Tagged): Map<string, string> {
  return new Map((data?.tags ?? []).map(({ key, value }) => [key, value]))
}

interface StopAsked {
  by: string
  at_ms: number
}

/** Who has asked a run to stop, and when, if somebody has. */
export function stopOf(run: Tagged): StopAsked | null {
  try {
    const { by, at_ms } = JSON.parse(tagsOf(run).get(STOP) ?? "{}") as Partial<StopAsked>
    return typeof by === "string" && typeof at_ms === "number" ? { by, at_ms } : null
  } catch {
    return null // somebody else has put it there
  }
}

/** Tags that people have set; those with a reserved prefix have places of their own. */
export function ownTags(run: Tagged): [string, string][] {
  return [...tagsOf(run)].filter(([key]) => !/^(mlflow|millrace)\./.test(key))
}
