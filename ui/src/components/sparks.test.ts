import { expect, test } from "vitest"
import type { Experiment, Run } from "../api/generated"
import { primaryKeys } from "./sparks"

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
