/** What charts of columns draw, in the order in which it stands there: a table that a cursor walks. */

import type { Dot } from "./dots"
import type { Value } from "./parallel"
import { correlation, spreadOf } from "./stats"
import { tableOf, type Cell, type ChartTable } from "./table"

export interface Numbers {
  table: ChartTable
  /** The run of each row; none where a row is of several. */
  runs: readonly string[]
}

/** Of runs that are dots: by what is drawn of each. */
export function ofDots(
  dots: readonly Dot[],
  names: readonly string[],
  shown: (dot: Dot) => Cell[],
): Numbers {
  const rows = dots.map((dot) => [dot.label, ...shown(dot)])
  return { table: tableOf(["run", ...names], rows), runs: dots.map(({ id }) => id) }
}

/** Of runs as they are. */
export function ofRuns(
  rows: readonly { run: { id: string; name: string }; cells: readonly Value[] }[],
  names: readonly string[],
): Numbers {
  const cells = rows.map(({ run, cells: own }) => [run.name, ...own.map((cell) => cell ?? "")])
  return {
    table: tableOf(["run", ...names], cells),
    runs: rows.map(({ run }) => run.id),
  }
}

export interface Category {
  name: string
  values: readonly number[]
}

/** Of boxes: the figures that are drawn of each. */
export function ofCategories(categories: readonly Category[], name: string): Numbers {
  const rows = categories.map((one): Cell[] => {
    const spread = spreadOf(one.values)
    if (!spread) return [one.name, 0]
    const { count, low, q1, median, q3, high, outliers } = spread
    return [one.name, count, low, q1, median, q3, high, outliers.map(String).join("; ")]
  })
  const figures = [
    "values",
    "low",
    "first quartile",
    "median",
    "third quartile",
    "high",
    "outliers",
  ]
  return { table: tableOf([name, ...figures], rows), runs: [] }
}

/** How each column goes along with each other. */
export function correlations(columns: readonly (readonly number[])[]): number[][] {
  return columns.map((one) => columns.map((other) => correlation(one, other)))
}

/** Of a map of correlations: a row for each field, row by row. */
export function ofPairs(values: readonly (readonly number[])[], names: readonly string[]): Numbers {
  const rows = values.flatMap((row, at) =>
    row.map((share, other): Cell[] => [names[at] ?? "", names[other] ?? "", share]),
  )
  return { table: tableOf(["column", "with", "correlation"], rows), runs: [] }
}
