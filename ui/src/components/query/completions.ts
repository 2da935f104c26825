import { queryOptions } from "@tanstack/react-query"
import { call } from "../../api/client"
import { ATTRIBUTES, keyed, literal, type Place } from "../../lib/filter"
import { plural } from "../../lib/format"

export interface Completion {
  label: string
  insert: string
  note: string
}

const KINDS: Record<string, "metric" | "param" | "tag"> = {
  metric: "metric",
  metrics: "metric",
  param: "param",
  params: "param",
  parameter: "param",
  parameters: "param",
  tag: "tag",
  tags: "tag",
}
const MOST = 12
const ENTITY_NOTES: readonly (readonly [string, string])[] = [
  ["metrics.", "a metric"],
  ["params.", "a param"],
  ["tags.", "a tag"],
  ["datasets.", "name, digest or context of a data set"],
]
const OPERATORS: readonly (readonly [string, string])[] = [
  ["= ", "equal"],
  ["!= ", "another value"],
  ["< ", "less"],
  ["<= ", "at most"],
  ["> ", "greater"],
  [">= ", "at least"],
  ["LIKE '%", "fits a pattern, % is any text"],
  ["ILIKE '%", "the same, whatever its case"],
  ["RLIKE '", "a regular expression is found"],
  ["IN (", "one of a list"],
  ["BETWEEN ", "between two values"],
  ["IS NULL", "is not there"],
  ["IS NOT NULL", "is there"],
]

/** What could stand at a place of the query. */
export const completionsQuery = (experiments: readonly string[], spot: Place | null) =>
  queryOptions({
    queryKey: ["completions", experiments, spot?.wants, spot?.typed],
    queryFn: async ({ signal }): Promise<Completion[]> =>
      spot === null ? [] : find([...experiments], spot, signal),
    staleTime: 30_000,
  })

async function find(
  experiment_ids: string[],
  spot: Place,
  signal: AbortSignal,
): Promise<Completion[]> {
  const { wants, typed } = spot
  const fits = (name: string) => name.toLowerCase().startsWith(typed.toLowerCase())
  switch (wants.kind) {
    case "entity":
      return [
        ...ENTITY_NOTES.map(([name, note]) => ({ label: name, insert: name, note })),
        ...ATTRIBUTES.map((name) => ({ label: name, insert: `${name} `, note: "attribute" })),
      ].filter(({ label }) => fits(label))
    case "operator":
      return OPERATORS.map(([insert, note]) => ({
        label: insert.replace(/['(%\s]+$/, ""),
        insert,
        note,
      }))
    case "join":
      return ["AND ", "OR "].map((insert) => ({ label: insert.trim(), insert, note: "" }))
    case "key": {
      const kind = KINDS[wants.entity]
      if (/^attr/.test(wants.entity)) {
        return ATTRIBUTES.filter(fits).map((name) => ({
          label: name,
          insert: `${name} `,
          note: "",
        }))
      }
      if (/^dataset/.test(wants.entity)) {
        return ["name", "digest", "context"]
          .filter(fits)
          .map((name) => ({ label: name, insert: `${name} `, note: "" }))
      }
      if (!kind) return []
      const asked = {
        experiment_ids,
        kind,
        contains: typed,
        order: "coverage" as const,
        limit: MOST,
      }
      const { keys = [] } = await call("findRunKeys", asked, { signal })
      return keys.map(({ key, runs }) => ({
        label: key,
        insert: `${keyed(wants.entity, key).slice(wants.entity.length + 1)} `,
        note: plural(runs, "run"),
      }))
    }
    case "value": {
      const column = valued(wants.field)
      if (column === null) return []
      if (column === "attributes.status") {
        const all = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
        return all.filter(fits).map((name) => ({ label: name, insert: `'${name}' `, note: "" }))
      }
      const asked = { experiment_ids, column, prefix: typed, limit: MOST }
      const { values = [] } = await call("findRunValues", asked, { signal })
      return values.map(({ value, runs }) => ({
        label: value,
        insert: `${/^-?\d+(\.\d+)?(e-?\d+)?$/i.test(value) && column.startsWith("params.") ? value : literal(value)} `,
        note: plural(runs, "run"),
      }))
    }
  }
}

/** The column whose values complete a field; none for metrics and times, which are rarely equal. */
function valued(field: string): string | null {
  if (!field.includes("."))
    return /time|duration|liveness|id$/.test(field) ? null : `attributes.${field}`
  if (/^(param|params|parameter|parameters)\./.test(field))
    return field.replace(/^\w+\./, "params.")
  if (/^tags?\./.test(field)) return field.replace(/^\w+\./, "tags.")
  if (/^datasets?\./.test(field)) return field.replace(/^\w+\./, "datasets.")
  return /^(attributes|attribute|attr|run)\./.test(field) &&
    !/time|duration|liveness|id$/.test(field)
    ? field.replace(/^\w+\./, "attributes.")
    : null
}
