import { describe, expect, test } from "vitest"
import { compute, ExpressionError, parseExpression } from "./expression"
import { points } from "./series"

const series = (run: string, key: string, pairs: [number, number][]) =>
  points(
    run,
    key,
    Float64Array.from(pairs, ([x]) => x),
    Float64Array.from(pairs, ([, y]) => y),
  )

describe("UI-079: expressions over metrics", () => {
  test.each([
    ["train/loss - val/loss", ["train/loss", "val/loss"]],
    ["log(a)", ["a"]],
    ["a / b * 100", ["a", "b"]],
    ["-(a + 1.5e-3)", ["a"]],
    ["`odd name` * 2", ["odd name"]],
    ["val/acc@5", ["val/acc@5"]],
  ])("%s names its metrics", (text, keys) => {
    expect(parseExpression(text).keys).toEqual(keys)
  })

  test.each([
    ["a -", 3],
    ["a b", 2],
    ["sin(a)", 0],
    ["(a", 2],
    ["a ? b", 2],
    ["* a", 0],
  ])("%s is wrong at %i", (text, at) => {
    let found: unknown
    try {
      parseExpression(text)
    } catch (error) {
      found = error
    }
    expect(found).toBeInstanceOf(ExpressionError)
    expect((found as ExpressionError).at).toBe(at)
  })

  test("a difference is taken where both metrics have a point", () => {
    const [found] = compute(parseExpression("a - b * 2"), [
      series("r", "a", [
        [1, 10],
        [2, 20],
        [3, 30],
      ]),
      series("r", "b", [
        [2, 1],
        [3, 2],
        [4, 3],
      ]),
      series("other", "a", [[1, 1]]),
    ])

    expect([...(found?.x ?? [])]).toEqual([2, 3])
    expect([...(found?.y ?? [])]).toEqual([18, 26])
  })
})
