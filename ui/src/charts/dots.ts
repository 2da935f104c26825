import type { Stroke } from "../lib/colours"

/** A run as a place in a chart of columns. */
export interface Dot {
  id: string
  label: string
  stroke: Stroke
  x: number
  y: number
  /** What colours it, if anything does. */
  z?: number
}

/** Columns of dots that have a place. */
export function placed(dots: readonly Dot[]): Dot[] {
  return dots.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))
}

/** Least and greatest of numbers; a unit range for none. */
export function rangeOf(values: readonly number[]): [number, number] {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const value of values) {
    if (!Number.isFinite(value)) continue
    if (value < low) low = value
    if (value > high) high = value
  }
  return low <= high ? [low, high] : [0, 1]
}
