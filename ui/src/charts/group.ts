/** Repeated runs drawn as one line with a band. */

import type { Series } from "./series"

export type Spread = "std" | "error" | "range" | "interval"

export const SPREADS: readonly (readonly [Spread, string])[] = [
  ["std", "Standard deviation"],
  ["error", "Standard error"],
  ["range", "Least to greatest"],
  ["interval", "95 % interval"],
]

/** Mean and band of *series* (of one group) at each x that any of them has; `count` is n. */
export function grouped(name: string, series: readonly Series[], spread: Spread): Series {
  const found = new Map<number, number[]>()
  for (const { x, y } of series) {
    x.forEach((place, at) => {
      const value = y[at] ?? Number.NaN
      if (!Number.isFinite(value)) return
      const here = found.get(place)
      if (here) here.push(value)
      else found.set(place, [value])
    })
  }
  const x = Float64Array.from([...found.keys()].sort((a, b) => a - b))
  const y = new Float64Array(x.length)
  const low = new Float64Array(x.length)
  const high = new Float64Array(x.length)
  const count = new Uint32Array(x.length)
  x.forEach((place, at) => {
    const values = found.get(place) ?? []
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length
    const [below, above] = band(values, mean, spread)
    y[at] = mean
    low[at] = below
    high[at] = above
    count[at] = values.length
  })
  return { run: name, key: series[0]?.key ?? "", isRaw: false, x, y, low, high, last: y, count }
}

function band(values: readonly number[], mean: number, spread: Spread): [number, number] {
  if (spread === "range") return [Math.min(...values), Math.max(...values)]
  const n = values.length
  if (n < 2) return [mean, mean]
  const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1))
  const reach = { std, error: std / Math.sqrt(n), interval: (1.96 * std) / Math.sqrt(n) }[spread]
  return [mean - reach, mean + reach]
}
