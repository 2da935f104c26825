import { describe, expect, test } from "vitest"
import { smooth } from "./smooth"

const VALUES = Float64Array.from([3, -1, 4, 1, -5, 9, 2, 6])

/** Each as plainly as its definition. */
const plain = {
  ema: (weight: number) =>
    [...VALUES].map((_, at) => {
      let sum = 0
      let total = 0
      for (let back = 0; back <= at; back++) {
        sum += weight ** back * (VALUES[at - back] ?? 0)
        total += weight ** back
      }
      return sum / total
    }),
  gaussian: (sigma: number) =>
    [...VALUES].map((_, at) => {
      let sum = 0
      let total = 0
      VALUES.forEach((value, other) => {
        if (Math.abs(other - at) > Math.ceil(3 * sigma)) return
        const weight = Math.exp(-((other - at) ** 2) / (2 * sigma ** 2))
        sum += weight * value
        total += weight
      })
      return sum / total
    }),
  mean: (width: number) =>
    [...VALUES].map((_, at) => {
      const reach = Math.floor(width / 2)
      const near = VALUES.slice(Math.max(0, at - reach), at + reach + 1)
      return near.reduce((sum, value) => sum + value, 0) / near.length
    }),
}

describe("UI-064: smoothing equals its definition", () => {
  test.each(["ema", "gaussian", "mean"] as const)("%s", (kind) => {
    for (const amount of kind === "ema" ? [0, 0.5, 0.9, 0.99] : [1, 3, 5]) {
      const found = smooth(VALUES, { kind, amount })

      plain[kind](amount).forEach((value, at) => {
        expect(Math.abs((found[at] ?? Number.NaN) - value)).toBeLessThan(1e-9)
      })
    }
  })

  test("what is not finite stays, and weighs nothing", () => {
    const odd = Float64Array.from([1, Number.NaN, 1, Number.POSITIVE_INFINITY, 1])

    for (const kind of ["ema", "gaussian", "mean"] as const) {
      const found = [...smooth(odd, { kind, amount: kind === "ema" ? 0.9 : 3 })]
      expect(found.map((value) => (Number.isFinite(value) ? value.toFixed(9) : value))).toEqual([
        "1.000000000",
        Number.NaN,
        "1.000000000",
        Number.POSITIVE_INFINITY,
        "1.000000000",
      ])
    }
  })
})
