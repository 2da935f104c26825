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

/** Dots that have a place on these axes, from left to right. */
export function placed(dots: readonly Dot[], isLog: { x: boolean; y: boolean }): Dot[] {
  const has = (value: number, log: boolean) => Number.isFinite(value) && (!log || value > 0)
  return dots
    .filter(({ x, y }) => has(x, isLog.x) && has(y, isLog.y))
    .sort((a, b) => a.x - b.x || a.y - b.y)
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
