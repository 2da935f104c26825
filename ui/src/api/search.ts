import { queryOptions } from "@tanstack/react-query"
import { paths } from "../paths"
import { call } from "./client"
import { ApiError } from "./errors"
import { experimentsQuery, isServed, queryClient } from "./queries"

export interface Found {
  kind: "experiment" | "run" | "model"
  label: string
  note: string
  to: string
}

const RUN_ID = /^[0-9a-f]{32}$/
const EACH = 8

/** Things by a part of their name, or by their whole id, which comes first. */
export const foundQuery = (text: string, each = EACH) =>
  queryOptions({
    queryKey: ["found", text, each],
    queryFn: async ({ signal }): Promise<Found[]> => {
      const experiments = await queryClient.ensureQueryData(experimentsQuery())
      const [run, runs, models] = await Promise.all([
        RUN_ID.test(text) ? byId(text, signal) : null,
        byRunName(
          text,
          experiments.map((one) => one.experiment_id),
          each,
          signal,
        ),
        byModelName(text, each, signal),
      ])
      const low = text.toLowerCase()
      const named = experiments
        .filter((one) => one.experiment_id === text || one.name.toLowerCase().includes(low))
        .slice(0, each)
        .map((one) => ({
          kind: "experiment" as const,
          label: one.name,
          note: `experiment ${one.experiment_id}`,
          to: paths.experiment(one.experiment_id),
        }))
      return [...(run ? [run] : []), ...runs, ...named, ...models]
    },
  })

async function byId(id: string, signal: AbortSignal): Promise<Found | null> {
  try {
    const { info } = (await call("getRun", { run_id: id }, { signal })).run
    return {
      kind: "run",
      label: info.run_name,
      note: id.slice(0, 8),
      to: paths.run(info.experiment_id, id),
    }
  } catch (error) {
    if (error instanceof ApiError && error.isGone) return null
    throw error
  }
}

async function byRunName(
  text: string,
  experiment_ids: string[],
  max_results: number,
  signal: AbortSignal,
): Promise<Found[]> {
  if (experiment_ids.length === 0) return []
  const filter = `attributes.run_name ILIKE ${quoted(`%${text}%`)}`
  const { runs = [] } = await call(
    "searchRuns",
    { experiment_ids, filter, max_results },
    { signal },
  )
  return runs.map(({ info }) => ({
    kind: "run",
    label: info.run_name,
    note: `run ${info.run_id.slice(0, 8)}`,
    to: paths.run(info.experiment_id, info.run_id),
  }))
}

async function byModelName(
  text: string,
  max_results: number,
  signal: AbortSignal,
): Promise<Found[]> {
  if (!(await isServed("searchRegisteredModels"))) return []
  const filter = `name ILIKE ${quoted(`%${text}%`)}`
  const found = await call("searchRegisteredModels", { filter, max_results }, { signal })
  return (found.registered_models ?? []).map(({ name }) => ({
    kind: "model",
    label: name,
    note: "model",
    to: paths.model(name),
  }))
}

/** A text as the filter language takes it. */
export function quoted(text: string): string {
  return text.includes("'") ? `"${text.replaceAll('"', "")}"` : `'${text}'`
}
