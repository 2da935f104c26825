/** Columns of a table of runs: their ids are those that the API takes. */

import { keyed } from "../../lib/filter"

export type ColumnKind =
  "attributes" | "params" | "metrics" | "tags" | "datasets" | "models" | "note"

export interface ColumnFacts {
  id: string
  kind: ColumnKind
  /** The key without its kind; an attribute's name. */
  key: string
  aggregate: string | null
  label: string
  isNumber: boolean
  width: number
}

export const NAME = "attributes.run_name"

export const ATTRIBUTE_LABELS: Record<string, string> = {
  run_name: "Run",
  status: "State",
  start_time: "Started",
  end_time: "Ended",
  duration: "Duration",
  user_id: "User",
  run_id: "Run id",
  experiment_id: "Experiment",
  artifact_uri: "Artifacts",
}

export const AGGREGATES = ["last", "min", "max", "mean", "best", "step_of_best", "count"] as const

export const FIRST_COLUMNS = ["status", "start_time", "duration", "user_id"].map(
  (name) => `attributes.${name}`,
)

const WIDTHS: Record<string, number> = {
  run_name: 280,
  status: 104,
  start_time: 112,
  end_time: 112,
  duration: 96,
  user_id: 96,
  run_id: 250,
}

const WITH_KEY = /^(?<kind>\w+)\.(?:`(?<quoted>[^`]*)`|(?<plain>\w+))(?:\.(?<aggregate>\w+))?$/

export function columnFacts(id: string): ColumnFacts {
  const found = WITH_KEY.exec(id)?.groups
  const kind = (found?.["kind"] ?? id) as ColumnKind
  const key = found?.["quoted"] ?? found?.["plain"] ?? id
  const aggregate = found?.["aggregate"] ?? null
  const isNumber = kind === "metrics"
  switch (kind) {
    case "attributes":
      return {
        id,
        kind,
        key,
        aggregate,
        label: ATTRIBUTE_LABELS[key] ?? key,
        isNumber: key === "duration",
        width: WIDTHS[key] ?? 140,
      }
    case "datasets":
    case "models":
    case "note":
      return {
        id,
        kind,
        key,
        aggregate,
        label: { datasets: "Data sets", models: "Models", note: "Note" }[kind],
        isNumber,
        width: 160,
      }
    default:
      return {
        id,
        kind,
        key,
        aggregate,
        label: aggregate ? `${key} · ${aggregate.replaceAll("_", " ")}` : key,
        isNumber,
        width: isNumber ? 112 : 120,
      }
  }
}

export function metricColumn(key: string, aggregate: string | null = null): string {
  return aggregate && aggregate !== "last"
    ? `${keyed("metrics", key)}.${aggregate}`
    : keyed("metrics", key)
}

/** What the server says under which heading: "metrics.loss DESC" apart. */
export function parsedSort(sort: string): { column: string; isDescending: boolean } {
  const [, column = sort, direction = "ASC"] = /^(.*?)(?:\s+(ASC|DESC))?$/i.exec(sort) ?? []
  return { column, isDescending: direction.toUpperCase() === "DESC" }
}
