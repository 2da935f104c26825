/** Small lines of many runs, asked for together. */

import { queryOptions } from "@tanstack/react-query"
import { ask, urlOf, whole } from "../api/client"
import type { Experiment, Run } from "../api/generated"
import { fromBinary, type Series } from "../charts/series"

/** So many buckets a line: it has as many pixels as they have extremes. */
const BUCKETS = 36
const ROUNDS = 3
/** Tags of an experiment: the metric that its runs are judged by, and `maximize` or `minimize`. */
export const PRIMARY_GOAL = "millrace.primaryMetricGoal"
export const PRIMARY = "millrace.primaryMetric"
const OF_MACHINE = "system/"

export interface Spark {
  run: string
  key: string
  values: Float64Array
  last: number
}

/**
 * The metric of each run that is drawn: the one that its experiment names, else the one that most
 * of *runs* have. Runs without any are left out.
 */
export function primaryKeys(
  runs: readonly Run[],
  experiments: readonly Experiment[],
): Map<string, string> {
  const named = new Map(
    experiments.map(({ experiment_id, tags = [] }) => [
      experiment_id,
      tags.find(({ key }) => key === PRIMARY)?.value,
    ]),
  )
  const keysOf = ({ data }: Run) =>
    (data?.metrics ?? []).map(({ key }) => key).filter((key) => !key.startsWith(OF_MACHINE))
  const coverage = new Map<string, number>()
  for (const run of runs) {
    for (const key of keysOf(run)) coverage.set(key, (coverage.get(key) ?? 0) + 1)
  }
  const chosen = new Map<string, string>()
  for (const run of runs) {
    const own = keysOf(run)
    const primary = named.get(run.info.experiment_id)
    const [first] = own.toSorted(
      (a, b) => (coverage.get(b) ?? 0) - (coverage.get(a) ?? 0) || a.localeCompare(b),
    )
    const key = primary !== undefined && own.includes(primary) ? primary : first
    if (key !== undefined) chosen.set(run.info.run_id, key)
  }
  return chosen
}

/** The lines of those runs, by run: one request, however many they are, and few more where some are
 * much shorter than others. */
export const sparksQuery = (keys: ReadonlyMap<string, string>) => {
  const asked = [...keys].sort()
  return queryOptions({
    queryKey: ["sparks", asked],
    queryFn: async ({ signal }) => {
      const found = await drawn(asked, (some) => series(some, signal))
      return found.map(sparkOf)
    },
    enabled: asked.length > 0,
    structuralSharing: false,
    placeholderData: (before) => before,
    staleTime: 10_000,
  })
}

type Key = readonly [run: string, key: string]

/**
 * The series of *keys*, as *ask* gives them: on one grid, so that of a run which is short beside the
 * others next to nothing is left. Such ones are asked for again, together, on a grid of their own.
 */
export async function drawn(
  keys: readonly Key[],
  ask: (keys: readonly Key[]) => Promise<readonly Series[]>,
  rounds = ROUNDS,
): Promise<readonly Series[]> {
  const found = await ask(keys)
  const short = found.filter(({ isRaw, low }) => !isRaw && low.length < BUCKETS / 3)
  if (rounds === 1 || short.length === 0 || short.length === found.length) return found
  const again = await drawn(
    short.map(({ run, key }) => [run, key]),
    ask,
    rounds - 1,
  )
  const finer = new Map(again.map((one) => [one.run, one]))
  return found.map((one) => finer.get(one.run) ?? one)
}

async function series(keys: readonly Key[], signal: AbortSignal): Promise<readonly Series[]> {
  const wanted = new Map(keys)
  const body = JSON.stringify({
    run_ids: [...wanted.keys()],
    keys: [...new Set(wanted.values())],
    buckets: BUCKETS,
    aggregates: ["minimum", "maximum", "last"],
    format: "binary",
  })
  const init = { method: "POST", headers: { "content-type": "application/json" }, body }
  const url = urlOf("querySeries", { run_ids: [], keys: [] })
  const bytes = await whole(ask(url, init, signal).then((response) => response.arrayBuffer()))
  return fromBinary(bytes).series.filter(({ run, key }) => wanted.get(run) === key)
}

/** Through both extremes of each bucket, so that no spike is lost; last the one that it ended at. */
export function sparkOf({ run, key, isRaw, low, high, last }: Series): Spark {
  const values = isRaw ? low : new Float64Array(low.length * 2)
  if (!isRaw) {
    low.forEach((least, at) => {
      const most = high[at] ?? least
      const end = last[at] ?? most
      const isRising = end - least >= most - end
      values[at * 2] = isRising ? least : most
      values[at * 2 + 1] = isRising ? most : least
    })
  }
  return { run, key, values, last: last.at(-1) ?? Number.NaN }
}
