import { expect, it } from "vitest"
import type { QueryRunTable, RunTable } from "../../api/generated"
import { BLOCK, GroupedRows, RunRows } from "./rows"

const TOTAL = 250

/** A server of 250 runs that notes what it was asked. */
function server(groups = false) {
  const asked: QueryRunTable[] = []
  const ask = (query: QueryRunTable): Promise<RunTable> => {
    asked.push(query)
    const offset = query.offset ?? 0
    const ids = Array.from(
      { length: Math.min(query.limit ?? 0, TOTAL - offset) },
      (_, at) => `r${offset + at}`,
    )
    const head = { runs: TOTAL, offset, cursor: "c" }
    if (groups && !query.within) {
      const keys = [{ name: "params.a", values: ["x", "y"] }]
      return Promise.resolve({ ...head, total: 2, groups: { keys, runs: [TOTAL, 3], columns: [] } })
    }
    const columns = (query.columns ?? []).map((name) => ({
      name,
      values: ids.map((id) => `${name} of ${id}`),
    }))
    return Promise.resolve({ ...head, total: TOTAL, run_ids: ids, columns })
  }
  return { ask, asked }
}

const settled = () => new Promise((resolve) => setTimeout(resolve))

it("asks for blocks in sight, the first of which fixes the order", async () => {
  const { ask, asked } = server()
  const rows = new RunRows(ask, { experiment_ids: ["1"] })
  rows.ensure(0, 150, ["a"])
  await settled()
  rows.ensure(0, 150, ["a"])
  await settled()

  expect(rows.total).toBe(TOTAL)
  expect(rows.at(BLOCK + 1)?.id).toBe("r101")
  expect(asked.map(({ offset, cursor }) => [offset, cursor])).toEqual([[0, undefined], [100, "c"]]) // prettier-ignore
})

it("asks for a further column alone", async () => {
  const { ask, asked } = server()
  const rows = new RunRows(ask, { experiment_ids: ["1"] })
  rows.ensure(0, 10, ["a", "b"])
  await settled()
  rows.ensure(0, 10, ["a", "b", "c"])
  await settled()

  expect(asked.map(({ columns }) => columns)).toEqual([["a", "b"], ["c"]])
  const row = rows.at(4)
  expect(row?.kind === "run" && [row.cell("a"), row.cell("c")]).toEqual(["a of r4", "c of r4"])
})

it("opens a group between the others", async () => {
  const { ask } = server(true)
  const groups = new GroupedRows(
    ask,
    new RunRows(ask, { experiment_ids: ["1"], group_by: ["params.a"] }),
  )
  groups.ensure(0, 1, [])
  await settled()
  groups.toggle(0)
  await settled()

  expect(groups.total).toBe(TOTAL + 2)
  expect([0, 1, TOTAL, TOTAL + 1].map((at) => groups.at(at)?.kind)).toEqual([
    "group",
    "run",
    undefined,
    "group",
  ])
})
