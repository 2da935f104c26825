import type { RunInfo } from "../../api/generated"
import { bytes, duration, value } from "../../lib/format"
import { real } from "../../lib/numbers"
import { paths } from "../../paths"
import { Badge } from "../../ui/Badge"
import { TimeAgo } from "../../ui/Time"
import { Link } from "../Link"
import { RunState } from "../RunState"
import type { ColumnFacts } from "./columns"
import type { Cell, GroupRow, RunRow } from "./rows"
import styles from "./RunTable.module.css"

/** What a run holds for a column; *base* is the same of the run that others are compared with. */
export function RunCell({
  row,
  column,
  base,
  isMaximized,
}: {
  row: RunRow
  column: ColumnFacts
  base: Cell | undefined
  isMaximized: boolean
}) {
  const cell = row.cell(column.id)
  if (cell === undefined || cell === null) return null
  if (column.kind === "attributes") return <Attribute name={column.key} cell={cell} row={row} />
  if (column.kind === "metrics") {
    const number = real(cell as number | string)
    const from = base === undefined || base === null ? null : real(base as number | string)
    return (
      <>
        {from !== null && <Delta from={from} to={number} isMaximized={isMaximized} />}
        <span title={String(cell)}>{value(number)}</span>
      </>
    )
  }
  if (Array.isArray(cell)) {
    return (
      <span className={styles.tags}>
        {(cell as { name?: string; model_id?: string }[]).map(({ name, model_id }, at) => (
          <Badge key={at} title={name ?? model_id}>
            {name ?? model_id}
          </Badge>
        ))}
      </span>
    )
  }
  return <span title={String(cell)}>{String(cell)}</span>
}

function Attribute({ name, cell, row }: { name: string; cell: Cell; row: RunRow }) {
  switch (name) {
    case "status": {
      const liveness = row.cell("attributes.liveness") === "lost" ? "lost" : undefined
      return <RunState status={cell as RunInfo["status"]} liveness={liveness} />
    }
    case "start_time":
    case "end_time":
      return <TimeAgo at={Number(cell)} />
    case "duration":
      return <span title={`${cell as number} ms`}>{duration(Number(cell))}</span>
    case "size":
      return <span title={String(cell)}>{bytes(Number(cell))}</span>
    case "run_id":
      return <code title={String(cell)}>{String(cell)}</code>
    default:
      return <span title={String(cell)}>{String(cell)}</span>
  }
}

/** The difference to the base, in the unit and in percent; better is better for its goal. */
function Delta({ from, to, isMaximized }: { from: number; to: number; isMaximized: boolean }) {
  const by = to - from
  if (!Number.isFinite(by) || by === 0) return null
  const percent = from === 0 ? "" : ` (${by > 0 ? "+" : ""}${value((by / Math.abs(from)) * 100)} %)`
  const text = `${by > 0 ? "+" : ""}${value(by)}`
  return (
    <small className={styles.delta} data-good={by > 0 === isMaximized} title={text + percent}>
      {text}
    </small>
  )
}

/** What a group has in a column: mean and standard deviation of its numbers. */
export function GroupCell({ row, column }: { row: GroupRow; column: ColumnFacts }) {
  const found = row.stats(column.id)
  if (!found || found.count === 0 || found.mean === null || column.kind === "attributes")
    return null
  const title = `mean ${found.mean}, standard deviation ${found.std ?? "–"}, of ${found.count}`
  return (
    <span title={title}>
      {value(found.mean)}
      {found.std !== null && <span className={styles.std}> ± {value(found.std)}</span>}
    </span>
  )
}

export function RunLink({
  experiment,
  id,
  name,
}: {
  experiment: string
  id: string
  name: string
}) {
  return (
    <Link to={paths.run(experiment, id)} title={name} tabIndex={-1}>
      {name}
    </Link>
  )
}
