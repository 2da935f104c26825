/** The numbers behind a chart as a table: shown beside it, read aloud, exported. */

import { value } from "../lib/format"

export type Cell = string | number

export interface ChartTable {
  columns: readonly string[]
  rows: number
  cell: (row: number, column: number) => Cell
}

export function tableOf(
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
): ChartTable {
  return { columns, rows: rows.length, cell: (row, column) => rows[row]?.[column] ?? "" }
}

/** As RFC 4180 has it; numbers in full. */
export function csvOf({ columns, rows, cell }: ChartTable): string {
  const lines = [columns.map(quoted).join(",")]
  for (let row = 0; row < rows; row++) {
    lines.push(columns.map((_, column) => quoted(cell(row, column))).join(","))
  }
  return `${lines.join("\r\n")}\r\n`
}

function quoted(cell: Cell): string {
  const text = typeof cell === "number" ? exact(cell) : cell
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** A row for who hears it: its name, and what it has in each column. */
export function spoken({ columns, cell }: ChartTable, row: number): string {
  const told = columns.slice(1).map((name, at) => {
    const one = cell(row, at + 1)
    return `${name} ${typeof one === "number" ? value(one) : one || "none"}`
  })
  return `${cell(row, 0)}: ${told.join(", ")}`
}

/** The shortest text that is this number again. */
export function exact(number: number): string {
  return Number.isFinite(number) || Number.isNaN(number)
    ? String(number)
    : number > 0
      ? "Infinity"
      : "-Infinity"
}
