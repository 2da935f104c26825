import { call } from "../../api/client"
import { csvLine, save } from "../../lib/csv"
import { columnFacts, NAME } from "./columns"
import type { Cell, Spec } from "./rows"

const WINDOW = 1000

/** All runs that match, with the columns of the table, in its order, as a CSV file. */
export async function exportCsv(
  spec: Spec,
  columns: readonly string[],
  name: string,
  ids: ReadonlySet<string> | null,
): Promise<number> {
  const { group_by: _, tree: __, ...plain } = spec
  const asked = [NAME, ...columns]
  const heads = [
    "run_id",
    ...asked.map((id) => (id.startsWith("attributes.") ? columnFacts(id).key : id)),
  ]
  const parts: string[] = [csvLine(heads)]
  let cursor: string | undefined
  let written = 0
  for (let offset = 0, runs = Infinity; offset < runs; offset += WINDOW) {
    const answer = await call("queryRunTable", {
      ...plain,
      columns: asked,
      offset,
      limit: WINDOW,
      cursor,
    })
    cursor = answer.cursor
    runs = answer.runs
    for (const [at, id] of (answer.run_ids ?? []).entries()) {
      if (ids && !ids.has(id)) continue
      parts.push(csvLine([id, ...(answer.columns ?? []).map(({ values }) => values?.[at] as Cell)]))
      written++
    }
  }
  save(`${name}.csv`, "text/csv;charset=utf-8", parts)
  return written
}
