/** Which runs panels are about, and what is asked of the server for them. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query"
import { ask, call, urlOf, whole } from "../../api/client"
import { queryClient } from "../../api/queries"
import type { RunKey } from "../../api/generated"
import type { Range, XKind } from "../../charts/axes"
import { fromBinary, WANTED, type Answer } from "../../charts/series"
import { turns } from "../../lib/turns"

export interface PanelRun {
  id: string
  name: string
  /** Its series still grow. */
  isRunning?: boolean
}

/** All runs that match; charts of columns draw them, hidden ones left out. */
export interface Match {
  filter?: string | undefined
  text?: string | undefined
  view?: "ACTIVE_ONLY" | "DELETED_ONLY" | "ALL" | undefined
  total: number
}

export interface Scope {
  experimentIds: readonly string[]
  runs: readonly PanelRun[]
  match?: Match | undefined
  hidden?: readonly string[] | undefined
}

/** As the table endpoints take it. */
function matching({ experimentIds, runs, match }: Scope) {
  const experiment_ids = [...experimentIds]
  if (match) return { experiment_ids, filter: match.filter, text: match.text, view: match.view }
  const ids = runs.map(({ id }) => `'${id}'`).join(", ")
  return { experiment_ids, filter: `attributes.run_id IN (${ids})`, view: "ALL" as const }
}

/** Beyond so many metrics, the most frequent ones come first and the others by a search. */
export const MANY_KEYS = 1000
export const FIRST_KEYS = 24
const PAGE = 1000
const KEYS_AT_MOST = 10_000

export interface MetricKeys {
  keys: string[]
  total: number
}

/** Names of metrics, by name; with *isShort* only those that most runs have. */
export const metricKeysQuery = (
  scope: Scope,
  options: { prefix: string; contains: string; isAll: boolean },
) => {
  const asked = { ...matching(scope), prefix: options.prefix, contains: options.contains }
  return queryOptions({
    queryKey: ["metric-keys", asked, options.isAll],
    queryFn: async ({ signal }): Promise<MetricKeys> => {
      const shared = { ...asked, kind: "metric" as const }
      const first = await call(
        "findRunKeys",
        { ...shared, order: "coverage", limit: FIRST_KEYS },
        { signal },
      )
      // Other runs of the experiment have the rest.
      const names = (list: readonly RunKey[] = []) =>
        list.flatMap(({ key, runs }) => (runs > 0 ? [key] : []))
      if (first.total <= FIRST_KEYS) {
        const keys = names(first.keys).sort(byName)
        return { keys, total: keys.length }
      }
      if (first.total > MANY_KEYS && !options.isAll) {
        return { keys: names(first.keys).sort(byName), total: first.total }
      }
      const keys: string[] = []
      const most = Math.min(first.total, KEYS_AT_MOST)
      for (let offset = 0; offset < most; offset += PAGE) {
        const page = { ...shared, order: "name" as const, limit: PAGE, offset }
        keys.push(...names((await call("findRunKeys", page, { signal })).keys))
      }
      return { keys, total: first.total > MANY_KEYS ? first.total : keys.length }
    },
    enabled: scope.experimentIds.length > 0 && (scope.match !== undefined || scope.runs.length > 0),
    staleTime: 30_000,
    placeholderData: keepPreviousData,
  })
}

const byName = (a: string, b: string) => a.localeCompare(b)

export interface SeriesAsked {
  runs: readonly string[]
  keys: readonly string[]
  x: XKind
  xMetric: string
  range: Range | null
  buckets: number
}

/** Runs of one request, as the server takes them. */
export const MOST_RUNS = 500

/** The latest answer to each question with its tag: what has not changed is not sent again. */
const tagged = new Map<string, { tag: string; answer: Answer }>()
const TAGS = 200

/**
 * Series are work for the server: asked for all at once, all would come late and together. So the
 * panels at the top come first, and the way there and back of one is the work on another.
 */
const inTurn = turns(2)

export const seriesQuery = (asked: SeriesAsked) =>
  queryOptions({
    queryKey: ["series", asked],
    queryFn: ({ signal }) => whole(inTurn(() => series(asked, signal), signal)),
    enabled: asked.runs.length > 0 && asked.keys.length > 0,
    // It is asked again when events say so.
    staleTime: Number.POSITIVE_INFINITY,
    structuralSharing: false,
    placeholderData: (previous, query) =>
      isSameChart(query?.queryKey[1] as SeriesAsked | undefined, asked) ? previous : undefined,
  })

/** Asks again for the series of *runs* that are drawn; other ranges of them are asked for when seen. */
export async function refreshSeries(runs: readonly string[]): Promise<void> {
  const grown = new Set(runs)
  await queryClient.invalidateQueries({
    predicate: ({ queryKey: [kind, asked] }) =>
      kind === "series" && (asked as SeriesAsked).runs.some((run) => grown.has(run)),
  })
}

/** Whether lines of *before* may stay until those of *now* are there. */
function isSameChart(before: SeriesAsked | undefined, now: SeriesAsked): boolean {
  return (
    before?.x === now.x && before.xMetric === now.xMetric && before.keys.join() === now.keys.join()
  )
}

async function series(asked: SeriesAsked, signal: AbortSignal): Promise<Answer> {
  const { runs, keys, x, xMetric, range, buckets } = asked
  const body = JSON.stringify({
    run_ids: runs.slice(0, MOST_RUNS),
    keys,
    x,
    ...(x === "metric" ? { x_metric: xMetric } : {}),
    ...(range ? { start: range[0], end: range[1] } : {}),
    buckets,
    aggregates: WANTED,
    format: "binary",
    precision: "float64",
  })
  const known = tagged.get(body)
  const headers: Record<string, string> = { "content-type": "application/json" }
  if (known) headers["if-none-match"] = known.tag
  const response = await ask(
    urlOf("querySeries", { run_ids: [], keys: [] }),
    { method: "POST", headers, body, credentials: "same-origin" },
    signal,
  )
  if (response.status === 304 && known) return known.answer
  const answer = fromBinary(await response.arrayBuffer())
  const tag = response.headers.get("etag")
  if (tag) {
    tagged.delete(body)
    tagged.set(body, { tag, answer })
    const [oldest] = tagged.keys()
    if (tagged.size > TAGS && oldest !== undefined) tagged.delete(oldest)
  }
  return answer
}

/** Every point of the runs that are drawn, as the server has it, for a file. */
export async function rawPoints(asked: SeriesAsked): Promise<[string, string, number, number][]> {
  const found: [string, string, number, number][] = []
  for (const run of asked.runs) {
    for (const key of asked.keys) {
      let page_token: string | undefined
      do {
        const page = await call("getMetricHistory", {
          run_id: run,
          metric_key: key,
          max_results: 25_000,
          page_token,
        })
        for (const { step, value } of page.metrics ?? []) {
          found.push([run, key, Number(step ?? 0), Number(value)])
        }
        page_token = page.next_page_token
      } while (page_token)
    }
  }
  return found
}

export type ColumnValue = string | number | null

export interface Columns {
  runs: PanelRun[]
  /** By name, a value for each run. */
  values: Record<string, ColumnValue[]>
  total: number
}

/** As many runs as charts of columns draw. */
export const MOST_ROWS = 10_000

/** Columns such as `params.lr` and `metrics.loss` of all matching runs. */
export const columnsQuery = (scope: Scope, columns: readonly string[], most = MOST_ROWS) => {
  const asked = { ...matching(scope), columns: ["attributes.run_name", ...columns] }
  return queryOptions({
    queryKey: ["run-columns", asked, most],
    queryFn: async ({ signal }): Promise<Columns> => {
      const values: Record<string, ColumnValue[]> = Object.fromEntries(
        columns.map((name) => [name, []]),
      )
      const runs: PanelRun[] = []
      let total = 0
      let cursor: string | undefined
      do {
        const window = { ...asked, limit: Math.min(PAGE, most), offset: runs.length, cursor }
        const page = await call("queryRunTable", window, { signal })
        const ids = page.run_ids ?? []
        const names = page.columns?.[0]?.values ?? []
        ids.forEach((id, at) => runs.push({ id, name: String(names[at] ?? id) }))
        columns.forEach((name, at) => values[name]?.push(...cells(page.columns?.[at + 1]?.values)))
        ;({ total, cursor } = page)
        if (ids.length === 0) break
      } while (runs.length < Math.min(total, most))
      return { runs, values, total }
    },
    enabled: columns.length > 0 && (scope.match !== undefined || scope.runs.length > 0),
    staleTime: 10_000,
    placeholderData: keepPreviousData,
  })
}

function cells(values: readonly unknown[] = []): ColumnValue[] {
  return values.map((cell) => (typeof cell === "number" || typeof cell === "string" ? cell : null))
}

/** A column's name as the table takes it: odd keys stand between backticks. */
export function columnOf(kind: "params" | "metrics" | "tags", key: string): string {
  return /^[\w/.-]+$/.test(key) && !key.includes(".") ? `${kind}.${key}` : `${kind}.\`${key}\``
}

/** The key in a column's name. */
export function keyOf(column: string): string {
  return column.slice(column.indexOf(".") + 1).replaceAll("`", "")
}
