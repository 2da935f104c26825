import type { DayOfRuns } from "../api/generated"
import { count, plural } from "../lib/format"
import { Table } from "../ui/Table"
import styles from "./Activity.module.css"

const DAY_MS = 86_400_000
const LEVELS = 4
const CELL = 13
const GAP = 3
const STEP = CELL + GAP
const TOP = 16
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ")

/** How many runs began on each day, a column for each week from Monday to Sunday. */
export function Activity({
  first,
  last,
  days,
}: {
  /** Such as "2026-01-31"; both ends are shown. */
  first: string
  last: string
  days: readonly DayOfRuns[]
}) {
  const runsOn = new Map(days.map(({ day, runs }) => [day, runs]))
  const most = Math.max(0, ...days.map(({ runs }) => runs))
  const from = Date.parse(first)
  const before = (new Date(from).getUTCDay() + 6) % 7
  const all = Array.from({ length: (Date.parse(last) - from) / DAY_MS + 1 }, (_, at) => {
    const day = new Date(from + at * DAY_MS).toISOString().slice(0, 10)
    const place = at + before
    return { day, runs: runsOn.get(day) ?? 0, week: Math.floor(place / 7), weekday: place % 7 }
  })
  const width = ((all.at(-1)?.week ?? 0) + 1) * STEP - GAP
  return (
    <figure className={styles.activity}>
      <svg
        viewBox={`0 0 ${width} ${TOP + 7 * STEP - GAP}`}
        role="img"
        aria-label={sentence(days, first, last)}
        data-days={days.length}
      >
        {all.map(({ day, week, weekday }) =>
          weekday === 0 && Number(day.slice(8)) <= 7 ? (
            <text key={day} x={week * STEP} y={10} className={styles.month}>
              {MONTHS[Number(day.slice(5, 7)) - 1]}
            </text>
          ) : null,
        )}
        {all.map(({ day, runs, week, weekday }) => (
          <rect
            key={day}
            x={week * STEP}
            y={TOP + weekday * STEP}
            width={CELL}
            height={CELL}
            rx={2}
            className={styles.day}
            data-level={level(runs, most)}
          >
            <title>{`${day}: ${plural(runs, "run")}`}</title>
          </rect>
        ))}
      </svg>
      <figcaption className={styles.caption} aria-hidden="true">
        {sentence(days, first, last)}
      </figcaption>
      <details className={styles.table}>
        <summary>As a table</summary>
        <Table caption="Runs by the day they began" head={["Day", ">Runs"]}>
          {days.toReversed().map(({ day, runs }) => (
            <tr key={day}>
              <td>{day}</td>
              <td data-align="end">{count(runs)}</td>
            </tr>
          ))}
        </Table>
      </details>
    </figure>
  )
}

/** By magnitude: a day with thousands does not make all others look idle. */
function level(runs: number, most: number): number {
  return runs === 0 ? 0 : Math.ceil((LEVELS * Math.log1p(runs)) / Math.log1p(most))
}

function sentence(days: readonly DayOfRuns[], first: string, last: string): string {
  const total = days.reduce((sum, { runs }) => sum + runs, 0)
  const [best] = days.toSorted((a, b) => b.runs - a.runs)
  const peak = best ? `, most of them, ${count(best.runs)}, on ${best.day}` : ""
  return `${plural(total, "run")} began from ${first} to ${last}${peak}.`
}
