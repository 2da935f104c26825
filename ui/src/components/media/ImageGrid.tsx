import { useMemo, useState, type KeyboardEvent, type ReactNode } from "react"
import type { KeyedImages } from "../../api/generated"
import { DataTable } from "../../charts/DataTable"
import { tableOf } from "../../charts/table"
import { count, plural } from "../../lib/format"
import { IconButton } from "../../ui/Button"
import styles from "./media.module.css"
import { StepBar, type Steps } from "./StepBar"

const FAR = 10

/** Images that go along with each other, and what tells them apart: a cell for each of the columns. */
export interface Strip {
  cells: readonly string[]
  images: KeyedImages
}

/**
 * Images under one slider. While they have the focus, arrow keys lead to other steps, which is
 * announced, and `a` shows all there are as a table.
 */
export function ImageGrid({
  columns,
  strips,
  steps,
  tools,
  children,
}: {
  columns: readonly string[]
  strips: readonly Strip[]
  steps: Steps
  tools?: ReactNode
  children: ReactNode
}) {
  const [hasTable, setTable] = useState(false)
  const [said, setSaid] = useState("")
  const table = useMemo(
    () =>
      tableOf(
        [...columns, "step", "time (ms)", "file"],
        strips.flatMap(({ cells, images: { steps: own = [], timestamps = [], paths = [] } }) =>
          own.map((step, at) => [...cells, step, timestamps[at] ?? "", paths[at] ?? ""]),
        ),
      ),
    [columns, strips],
  )
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const by = (event.key === "ArrowRight" ? 1 : -1) * (event.shiftKey ? FAR : 1)
    if (event.key === "a") setTable(!hasTable)
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      const step = steps.move(by)
      const there = strips.filter(({ images }) => images.steps?.includes(step ?? Number.NaN))
      if (step !== null) {
        setSaid(`step ${step}: ${count(there.length)} of ${plural(strips.length, "image")}`)
      }
    } else return
    event.preventDefault()
    event.stopPropagation()
  }
  const keys = new Set(strips.map(({ images }) => images.key)).size
  return (
    <section
      className={styles.images}
      aria-label="Images"
      data-chart="Images"
      data-state="ready"
      data-series={strips.length}
      data-points={table.rows}
    >
      <StepBar of={steps} note={`${plural(keys, "key")}, ${plural(steps.all.length, "step")}`}>
        <IconButton
          icon="table"
          size="s"
          label="All images as a table"
          keys="a"
          aria-pressed={hasTable}
          onClick={() => setTable(!hasTable)}
        />
        {tools}
      </StepBar>
      {hasTable && (
        <div className={styles.table}>
          <DataTable table={table} caption={`Images, ${plural(table.rows, "row")}`} />
        </div>
      )}
      {/* As a chart: roles that take keys are the only ones that readers hand keys to. */}
      <div
        className={styles.walked}
        role="application"
        aria-roledescription="images"
        aria-label="Images. Arrow keys lead to other steps, a shows all of them as a table."
        tabIndex={0}
        data-plot-keys=""
        onKeyDown={onKeyDown}
      >
        {children}
      </div>
      <p className="visually-hidden" aria-live="polite" data-announced="">
        {said}
      </p>
    </section>
  )
}
