import { expect, test } from "vitest"
import { grouped } from "./group"
import { nearest } from "./nearest"
import { axisOf, brushed, filterOf } from "./parallel"
import { ridgesOf } from "./ridges"
import { points } from "./series"
import { correlation, isInside, spreadOf, trendOf } from "./stats"
import { csvOf, tableOf } from "./table"

const xy = (run: string, ys: number[]) =>
  points(run, "k", Float64Array.from(ys.keys()), Float64Array.from(ys))

test("UI-068: a group is the mean of its runs, with n and the spread at each step", () => {
  const found = grouped("g", [xy("a", [1, 2]), xy("b", [3, 4]), xy("c", [5])], "std")

  expect([...found.y]).toEqual([3, 3])
  expect([...found.count]).toEqual([3, 2])
  expect(found.high[0]).toBeCloseTo(3 + 2, 12)
  expect(found.low[1]).toBeCloseTo(3 - Math.SQRT2, 12)
})

test("quartiles, whiskers and outliers are Tukey's", () => {
  const found = spreadOf([1, 2, 3, 4, 5, 6, 7, 8, 100, Number.NaN])

  expect(found).toMatchObject({
    q1: 3,
    median: 5,
    q3: 7,
    low: 1,
    high: 8,
    outliers: [100],
    count: 9,
  })
})

test("a trend goes through its points", () => {
  const trend = trendOf([
    [0, 1],
    [1, 3],
    [2, 5],
    [3, Number.NaN],
  ])

  expect(trend).toMatchObject({ slope: 2, intercept: 1 })
  expect(correlation([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 12)
  expect(correlation([1, 2], [3, 2])).toBeNaN()
  expect(correlation([1, 2, 3], [2, 2, 2])).toBeNaN()
})

test("a lasso holds what is inside, also when it is bent", () => {
  const bent = [
    { x: 0, y: 0 },
    { x: 4, y: 0 },
    { x: 4, y: 4 },
    { x: 2, y: 1 },
    { x: 0, y: 4 },
  ]

  expect(isInside({ x: 1, y: 1 }, bent)).toBe(true)
  expect(isInside({ x: 2, y: 3 }, bent)).toBe(false)
})

test("UI-072: a brush and its filter mean the same runs", () => {
  const lr = axisOf("params.lr", "lr", ["0.1", "0.2", "0.3", null], {
    isLog: false,
    isFlipped: false,
  })
  const kind = axisOf("params.kind", "kind", ["a", "b", "a", "c"], {
    isLog: false,
    isFlipped: true,
  })
  const brushes = { "params.lr": [0.4, 1], "params.kind": [0.9, 1] } as const

  expect(brushed([lr, kind], brushes, 4)).toEqual([false, false, true, false])
  expect(filterOf([lr, kind], brushes)).toBe(
    "params.lr >= 0.2 AND params.lr <= 0.3 AND params.kind IN ('a')",
  )
})

test("ridges count every value once", () => {
  const found = ridgesOf([xy("a", [0, 1, 2, 3]), xy("b", [3, Number.NaN, 1, 0])], 2, 4)

  expect(found?.ridges.map(({ counts }) => [...counts])).toEqual([
    [1, 1, 0, 1],
    [1, 1, 1, 1],
  ])
})

test("the nearest entry is found at either side", () => {
  const xs = Float64Array.of(0, 10, 20)

  expect([-5, 4, 5, 6, 99].map((x) => nearest(xs, x))).toEqual([0, 0, 0, 1, 2])
  expect(nearest(new Float64Array(), 1)).toBe(-1)
})

test("files hold numbers in full, and quote what has to be", () => {
  const table = tableOf(["run", "value"], [['a,"b"', 0.1 + 0.2], ["c", Number.NEGATIVE_INFINITY]]) // prettier-ignore

  expect(csvOf(table)).toBe('run,value\r\n"a,""b""",0.30000000000000004\r\nc,-Infinity\r\n')
})
