import { expect, it } from "vitest"
import { translated } from "./hash-links"

it.each([
  ["#/", "/"],
  ["#/experiments/3", "/experiments/3"],
  ["#/experiments/3/runs/abc", "/experiments/3/runs/abc/overview"],
  [
    "#/experiments/3/runs/abc/artifacts/model/MLmodel",
    "/experiments/3/runs/abc/artifacts?path=model%2FMLmodel",
  ],
  ["#/runs/abc", "/runs/abc"],
  ['#/compare-runs?runs=["a","b"]&experiments=["3"]', "/compare?runs=a,b&experiments=3"],
  ['#/compare-experiments/s?experiments=["3","4"]', "/experiments/3,4"],
  ["#/models", "/models"],
  ["#/models/a%2Fb/versions/2", "/models/a%2Fb/versions/2"],
  ["#/experiments/3?searchFilter=metrics.a%20%3E%201", "/experiments/3?q=metrics.a%20%3E%201"],
  [
    "#/experiments/3?orderByKey=attributes.start_time&orderByAsc=false",
    "/experiments/3?sort=attributes.start_time%20DESC",
  ],
  ["#/experiments/3?lifecycleFilter=Deleted", "/experiments/3?state=deleted"],
  ["#main", null],
  ["#/unheard-of", null],
])("%s leads to %s", (hash, to) => {
  expect(translated(hash)).toBe(to)
})
