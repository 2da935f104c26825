import { useVirtualizer } from "@tanstack/react-virtual"
import { useRef } from "react"
import { value } from "../lib/format"
import styles from "./DataTable.module.css"
import { exact, type ChartTable } from "./table"

const ROW = 24

/** The numbers of a chart, however many; the exact ones are in the titles. */
export function DataTable({ table, caption }: { table: ChartTable; caption: string }) {
  const box = useRef<HTMLDivElement>(null)
  const rows = useVirtualizer({
    count: table.rows,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 12,
  })
  const columns = `minmax(7rem, 1.4fr) repeat(${Math.max(table.columns.length - 1, 0)}, minmax(5rem, 1fr))`
  return (
    <div
      ref={box}
      className={styles.box}
      role="table"
      aria-label={caption}
      aria-rowcount={table.rows + 1}
      tabIndex={0}
      data-table=""
    >
      <div role="rowgroup" className={styles.head}>
        <div role="row" className={styles.row} style={{ gridTemplateColumns: columns }}>
          {table.columns.map((name, column) => (
            <span key={column} role="columnheader" title={name}>
              {name}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" className={styles.body} style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map(({ index, start }) => (
          <div
            key={index}
            role="row"
            aria-rowindex={index + 2}
            className={styles.row}
            style={{ gridTemplateColumns: columns, transform: `translateY(${start}px)` }}
          >
            {table.columns.map((_, column) => {
              const cell = table.cell(index, column)
              const isNumber = typeof cell === "number"
              return (
                <span
                  key={column}
                  role="cell"
                  title={isNumber ? exact(cell) : cell}
                  data-number={isNumber ? "" : undefined}
                >
                  {isNumber ? value(cell) : cell}
                </span>
              )
            })}
          </div>
        ))}
      </div>
    </div>
  )
}
