/** Axes of parallel coordinates, and what brushes on them mean. */

import type { Range } from "./axes"
import { rangeOf } from "./dots"

export type Value = string | number | null

export interface ParallelAxis {
  column: string
  label: string
  kind: "number" | "category"
  isLog: boolean
  isFlipped: boolean
  values: readonly Value[]
  /** Of numbers. */
  range: Range
  /** Of categories, in their order. */
  categories: readonly string[]
}

/** A stretch of an axis, from 0 (its foot) to 1. */
export type Brush = readonly [number, number]

/** Numbers stay numbers also where they were logged as params, when all of them are. */
export function axisOf(
  column: string,
  label: string,
  values: readonly Value[],
  options: { isLog: boolean; isFlipped: boolean },
): ParallelAxis {
  const numbers = values.map(numeric)
  const isNumber = values.every((value, at) => value === null || !Number.isNaN(numbers[at]))
  const categories = isNumber
    ? []
    : [...new Set(values.flatMap((value) => (value === null ? [] : [String(value)])))].sort()
  const finite = numbers.filter((one) => Number.isFinite(one) && (!options.isLog || one > 0))
  return {
    column,
    label,
    kind: isNumber ? "number" : "category",
    values: isNumber ? numbers.map((one, at) => (values[at] === null ? null : one)) : values,
    range: rangeOf(finite),
    categories,
    ...options,
  }
}

export function numeric(value: Value): number {
  if (typeof value === "number") return value
  return value === null || value.trim() === "" ? Number.NaN : Number(value)
}

/** Where a value stands on its axis, from 0 to 1; NaN for none. */
export function placeOn(axis: ParallelAxis, value: Value): number {
  let share: number
  if (value === null) return Number.NaN
  if (axis.kind === "category") {
    const at = axis.categories.indexOf(String(value))
    share = axis.categories.length < 2 ? 0.5 : at / (axis.categories.length - 1)
  } else {
    const number = Number(value)
    const [low, high] = axis.isLog ? axis.range.map(Math.log10) : axis.range
    const place = axis.isLog ? Math.log10(number) : number
    share = high === low ? 0.5 : (place - (low ?? 0)) / ((high ?? 1) - (low ?? 0))
  }
  return axis.isFlipped ? 1 - share : share
}

/** The value at a place of a numeric axis. */
export function valueAt({ range, isLog, isFlipped }: ParallelAxis, share: number): number {
  const place = isFlipped ? 1 - share : share
  const [low, high] = isLog ? [Math.log10(range[0]), Math.log10(range[1])] : range
  const value = low + (high - low) * place
  return isLog ? 10 ** value : value
}

/** Which rows lie within all brushes. */
export function brushed(
  axes: readonly ParallelAxis[],
  brushes: Readonly<Record<string, Brush>>,
  rows: number,
): boolean[] {
  const active = axes.flatMap((axis) => {
    const brush = brushes[axis.column]
    return brush ? [{ axis, brush }] : []
  })
  return Array.from({ length: rows }, (_, row) =>
    active.every(({ axis, brush }) => {
      const place = placeOn(axis, axis.values[row] ?? null)
      return place >= brush[0] && place <= brush[1]
    }),
  )
}

/** The brushes as a text of the filter language; it matches the very rows that are within them. */
export function filterOf(
  axes: readonly ParallelAxis[],
  brushes: Readonly<Record<string, Brush>>,
): string {
  return axes
    .flatMap((axis) => {
      const brush = brushes[axis.column]
      if (!brush) return []
      if (axis.kind === "category") {
        const inside = axis.categories.filter((name) => {
          const place = placeOn(axis, name)
          return place >= brush[0] && place <= brush[1]
        })
        const list = inside.map((name) => `'${name.replaceAll("'", "''")}'`).join(", ")
        return [`${axis.column} IN (${list})`]
      }
      // The outermost values inside, so that no rounding lets others in.
      const inside = axis.values.filter((value) => {
        const place = placeOn(axis, value)
        return place >= brush[0] && place <= brush[1]
      })
      const [low, high] = rangeOf(inside.map(Number))
      return [`${axis.column} >= ${low}`, `${axis.column} <= ${high}`]
    })
    .join(" AND ")
}
