/** Histograms of a metric over all runs, one for each stretch of steps. */

import type { Series } from "./series"

export interface Ridge {
  x: number
  counts: Uint32Array
  /** How many values. */
  total: number
}

export interface Ridges {
  low: number
  high: number
  ridges: Ridge[]
}

/** At most *most* histograms of *bins* bins over the finite values of *series*; null for none. */
export function ridgesOf(series: readonly Series[], most: number, bins: number): Ridges | null {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const { x, y } of series) {
    for (let at = 0; at < x.length; at++) {
      const value = y[at] as number
      if (!Number.isFinite(value)) continue
      low = Math.min(low, value)
      high = Math.max(high, value)
      first = Math.min(first, x[at] as number)
      last = Math.max(last, x[at] as number)
    }
  }
  if (low > high) return null
  const places = new Set(series.flatMap(({ x }) => [...x]))
  const count = Math.min(most, places.size)
  const width = (last - first) / count || 1
  const ridges = Array.from({ length: count }, (_, at): Ridge => ({
    x: first + width * at,
    counts: new Uint32Array(bins),
    total: 0,
  }))
  const size = (high - low) / bins || 1
  for (const { x, y } of series) {
    for (let at = 0; at < x.length; at++) {
      const value = y[at] as number
      if (!Number.isFinite(value)) continue
      const ridge = ridges[Math.min(count - 1, Math.floor(((x[at] as number) - first) / width))]
      if (!ridge) continue
      const bin = Math.min(bins - 1, Math.floor((value - low) / size))
      ridge.counts[bin] = (ridge.counts[bin] ?? 0) + 1
      ridge.total++
    }
  }
  return { low, high, ridges: ridges.filter(({ total }) => total > 0) }
}
