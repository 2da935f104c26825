import { expect, test } from "vitest"
import type { Experiment, Run } from "../api/generated"
import { points, type Series } from "../charts/series"
import { drawn, primaryKeys, sparkOf } from "./sparks"

const run = (id: string, home: string, ...keys: string[]) =>
  ({
    info: { run_id: id, experiment_id: home },
    data: { metrics: keys.map((key) => ({ key, value: 1, timestamp: 1 })) },
  }) as unknown as Run

const experiment = (experiment_id: string, primary?: string) =>
  ({
    experiment_id,
    tags: primary ? [{ key: "millrace.primaryMetric", value: primary }] : [],
  }) as unknown as Experiment

test("an experiment says which metric its runs are drawn by", () => {
  const chosen = primaryKeys(
    [run("a", "1", "acc", "loss"), run("b", "1", "acc"), run("c", "2", "acc", "loss")],
    [experiment("1", "loss"), experiment("2")],
  )
  // A run that has not logged it is drawn by what others have, too.
  expect([...chosen]).toEqual([
    ["a", "loss"],
    ["b", "acc"],
    ["c", "acc"],
  ])
})

test("what the machine does is no result, and a run without any has no line", () => {
  expect(primaryKeys([run("a", "1", "system/cpu"), run("b", "1")], [])).toEqual(new Map())
})

const buckets = (run: string, low: number[], high: number[], last: number[]): Series => ({
  ...points(run, "loss", Float64Array.from(low.keys()), Float64Array.from(last)),
  isRaw: false,
  low: Float64Array.from(low),
  high: Float64Array.from(high),
})

test("a line that falls begins at the top", () => {
  expect([...sparkOf(buckets("a", [5, 1], [9, 4], [5, 1])).values]).toEqual([9, 5, 4, 1])
  expect([...sparkOf(buckets("a", [1, 4], [3, 6], [3, 6])).values]).toEqual([1, 3, 4, 6])
})

test("what is short beside the others is asked for again, on a grid of its own", async () => {
  const long = buckets("long", Array(30).fill(0), Array(30).fill(1), Array(30).fill(1))
  const asked: string[][] = []
  const found = await drawn(
    [
      ["long", "loss"],
      ["short", "loss"],
    ],
    (keys) => {
      asked.push(keys.map(([run]) => run))
      const isAlone = keys.length === 1
      const short = isAlone
        ? points("short", "loss", Float64Array.of(0, 1, 2), Float64Array.of(3, 2, 1))
        : buckets("short", [1], [3], [1])
      return Promise.resolve(isAlone ? [short] : [long, short])
    },
  )
  expect(asked).toEqual([["long", "short"], ["short"]])
  expect(found.map(({ run, isRaw }) => [run, isRaw])).toEqual([
    ["long", false],
    ["short", true],
  ])
})
