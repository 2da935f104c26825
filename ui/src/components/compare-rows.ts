/** Runs side by side: one row for each thing that any of them has. */

import type { Run } from "../api/generated"
import { real } from "../lib/numbers"
import { ownTags, tagsOf } from "../lib/run"

export const SECTIONS = ["Attributes", "Params", "Metrics", "Tags", "Data sets"] as const
export type Section = (typeof SECTIONS)[number]

export interface CompareRow {
  id: string
  section: Section
  key: string
  /** One for each run; undefined where it has none. */
  values: (string | number | undefined)[]
  differs: boolean
  /** Metrics: where the best is. */
  best: number | null
}

const FACTS: readonly (readonly [string, (run: Run) => string | number | undefined])[] = [
  ["State", ({ info }) => info.status],
  ["User", ({ info }) => info.user_id],
  ["Started", ({ info }) => info.start_time],
  ["Duration", ({ info }) => (info.end_time ? info.end_time - info.start_time : undefined)],
  ["Source", (run) => tagsOf(run).get("mlflow.source.name")],
  ["Commit", (run) => tagsOf(run).get("mlflow.source.git.commit")],
]
/** Different in any two runs, and never what somebody looks for. */
const ALWAYS_DIFFERENT = new Set(["Started", "Duration"])

export function compareRows(
  runs: readonly Run[],
  maximize: (metric: string) => boolean,
): CompareRow[] {
  const made: CompareRow[] = []
  const add = (section: Section, key: string, values: CompareRow["values"]) => {
    const differs =
      !ALWAYS_DIFFERENT.has(key) && new Set(values.map((value) => String(value))).size > 1
    const best = section === "Metrics" && differs ? bestOf(values, maximize(key)) : null
    made.push({ id: `${section} ${key}`, section, key, values, differs, best })
  }
  for (const [key, of] of FACTS) {
    const values = runs.map(of)
    if (values.some((value) => value !== undefined && value !== "")) add("Attributes", key, values)
  }
  merged(
    "Params",
    runs.map((run) => new Map((run.data?.params ?? []).map(({ key, value }) => [key, value]))),
  )
  merged(
    "Metrics",
    runs.map(
      (run) => new Map((run.data?.metrics ?? []).map(({ key, value }) => [key, real(value)])),
    ),
  )
  merged(
    "Tags",
    runs.map((run) => new Map(ownTags(run))),
  )
  merged(
    "Data sets",
    runs.map(
      (run) =>
        new Map(
          (run.inputs?.dataset_inputs ?? []).map(({ dataset }) => [dataset.name, dataset.digest]),
        ),
    ),
  )
  return made

  function merged(section: Section, maps: ReadonlyMap<string, string | number>[]) {
    const keys = new Set(maps.flatMap((map) => [...map.keys()]))
    const sorted = [...keys].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }))
    for (const key of sorted)
      add(
        section,
        key,
        maps.map((map) => map.get(key)),
      )
  }
}

function bestOf(values: CompareRow["values"], isMaximized: boolean): number | null {
  let best: number | null = null
  for (const [at, value] of values.entries()) {
    if (typeof value !== "number" || Number.isNaN(value)) continue
    const held = best === null ? undefined : values[best]
    if (typeof held !== "number" || (isMaximized ? value > held : value < held)) best = at
  }
  const numbers = values.filter((value) => typeof value === "number" && !Number.isNaN(value))
  return numbers.length > 1 ? best : null
}

/** Higher is better for what is named so; a guess that the reader can see and change. */
export function seemsMaximized(metric: string): boolean {
  return /acc|auc|f1|precision|recall|score|r2|iou|map|bleu|rouge|reward|psnr|ssim/i.test(metric)
}
