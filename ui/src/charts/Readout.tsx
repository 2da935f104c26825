import { value } from "../lib/format"
import type { Line } from "./line"
import { nearest } from "./nearest"
import styles from "./Readout.module.css"
import { Swatch } from "./Swatch"

const ROWS = 10

export interface Reading {
  line: Line
  x: number
  y: number
  low: number
  high: number
  count: number
}

/** What each line has at x, the nearest to *near* first, then the others by value. */
export function readings(lines: readonly Line[], x: number, near: Line | null): Reading[] {
  const found: Reading[] = []
  for (const line of lines) {
    const { series } = line
    const at = nearest(series.x, x)
    if (at < 0) continue
    found.push({
      line,
      x: series.x[at] as number,
      y: series.y[at] as number,
      low: series.low[at] as number,
      high: series.high[at] as number,
      count: series.count[at] as number,
    })
  }
  const reference = found.find((one) => one.line === near)?.y
  const far = (one: Reading) =>
    reference === undefined || Number.isNaN(one.y) ? 0 : Math.abs(one.y - reference)
  return found.sort((a, b) => (reference === undefined ? (b.y || 0) - (a.y || 0) : far(a) - far(b)))
}

/** What stands beside the pointer: the values of the lines at x, as many as there is room for. */
export function Readout({
  title,
  list,
  near,
  left,
  top,
  isOnLeft,
}: {
  title: string
  list: readonly Reading[]
  near: Line | null
  left: number
  top: number
  /** Whether it stands to the left of the pointer, where there is more room. */
  isOnLeft: boolean
}) {
  const more = list.length - ROWS
  return (
    <div
      className={styles.readout}
      style={{
        left,
        top,
        transform: isOnLeft ? "translate(calc(-100% - 14px), -30%)" : "translate(14px, -30%)",
      }}
      data-readout=""
      aria-hidden="true"
    >
      <div className={styles.x}>{title}</div>
      {list.slice(0, ROWS).map(({ line, y, low, high, count }) => (
        <div key={line.id} className={styles.row} data-nearest={line === near ? "" : undefined}>
          <Swatch stroke={line.stroke} />
          <span>{line.label}</span>
          <b>
            {value(y)}
            {!line.series.isRaw && low !== high && (
              <small>
                {" "}
                {value(low)} – {value(high)}
                {line.run.startsWith("group:") && `, n ${count}`}
              </small>
            )}
          </b>
        </div>
      ))}
      {more > 0 && <div className={styles.more}>+{more}</div>}
    </div>
  )
}
