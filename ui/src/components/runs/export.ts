import { call, file } from "../../api/client"
import { csvLine, save } from "../../lib/csv"
import { NAME } from "./columns"
import type { Cell, Spec } from "./rows"

const WINDOW = 1000

/** All runs that match, with the columns of the table, in its order, as a CSV file. */
export async function exportCsv(
  spec: Spec,
  columns: readonly string[],
  name: string,
  ids: ReadonlySet<string> | null,
): Promise<void> {
  const { group_by: _, tree: __, ...plain } = spec
  const asked = [NAME, ...columns]
  // As the server heads the columns of a Parquet file.
  const heads = [
    "run_id",
    ...asked.map((id) => id.replace(/^attributes\./, "").replaceAll("`", "")),
  ]
  const parts: string[] = [csvLine(heads)]
  let cursor: string | undefined
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
    }
  }
  save(`${name}.csv`, "text/csv;charset=utf-8", parts)
}

/** The same as a Parquet file, which the server makes: with the types that the columns have. */
export async function exportParquet(
  spec: Spec,
  columns: readonly string[],
  name: string,
  ids: ReadonlySet<string> | null,
): Promise<void> {
  const { group_by: _, tree: __, ...plain } = spec
  const asked = { ...plain, columns: [NAME, ...columns], run_ids: [...(ids ?? [])] }
  save(`${name}.parquet`, "application/vnd.apache.parquet", [await file("exportRunTable", asked)])
}
