import { useCallback, useMemo, useState } from "react"
import { parseCsv } from "../../lib/read-csv"
import { plural } from "../../lib/format"
import { density, ROW_HEIGHT } from "../../lib/prefs"
import { useStore } from "../../lib/store"
import { EmptyState } from "../../ui/States"
import { DataGrid, type GridColumn, type GridRow } from "../grid/DataGrid"
import styles from "./Preview.module.css"

const COLUMN = 150

interface Row extends GridRow {
  cells: readonly string[]
}

/** A table that was loaded whole. */
export default function TableView({ text, separator }: { text: string; separator: string }) {
  const rowHeight = ROW_HEIGHT[useStore(density)]
  const [active, setActive] = useState(0)
  const [sort, setSort] = useState<{ column: string; isDescending: boolean } | null>(null)
  const [widths, setWidths] = useState<Record<string, number>>({})
  const [head = [], ...body] = useMemo(() => parseCsv(text, separator), [text, separator])
  const numeric = useMemo(() => head.map((_, at) => isNumeric(body, at)), [head, body])
  const rows = useMemo(() => {
    const made = body.map((cells, at): Row => ({ id: String(at), cells }))
    if (!sort) return made
    const at = Number(sort.column)
    const sign = sort.isDescending ? -1 : 1
    return made.sort((a, b) => {
      const [x = "", y = ""] = [a.cells[at], b.cells[at]]
      // What is missing comes last both ways.
      if (x === "" || y === "") return Number(x === "") - Number(y === "")
      return sign * (numeric[at] ? Number(x) - Number(y) : x.localeCompare(y))
    })
  }, [body, sort, numeric])
  const columns = head.map((label, at): GridColumn => {
    const id = String(at)
    const column: GridColumn = { id, label, width: widths[id] ?? COLUMN }
    if (numeric[at]) column.align = "end"
    if (sort?.column === id) column.sort = { isDescending: sort.isDescending, place: 0 }
    return column
  })
  const nothing = useCallback(() => undefined, [])
  if (rows.length === 0) return <EmptyState icon="table" title="The table has no rows" />
  return (
    <div className={styles.text}>
      <div className={styles.bar}>
        {plural(rows.length, "row")}, {plural(head.length, "column")}
      </div>
      <DataGrid<Row>
        label="Table"
        count={rows.length}
        row={(index) => rows[index]}
        columns={columns}
        cell={({ cells }, { id }) => <span title={cells[Number(id)]}>{cells[Number(id)]}</span>}
        rowHeight={rowHeight}
        active={Math.min(active, rows.length - 1)}
        onActive={setActive}
        isSelected={() => false}
        onSight={nothing}
        onSort={(column) =>
          setSort({ column, isDescending: sort?.column === column && !sort.isDescending })
        }
        onResize={(column, width) => setWidths({ ...widths, [column]: width ?? COLUMN })}
        state="ready"
        version={sort}
      />
    </div>
  )
}

const LOOKED_AT = 200

function isNumeric(body: readonly (readonly string[])[], at: number): boolean {
  const cells = body
    .slice(0, LOOKED_AT)
    .map((row) => row[at] ?? "")
    .filter((cell) => cell !== "")
  return cells.length > 0 && cells.every((cell) => !Number.isNaN(Number(cell)))
}
