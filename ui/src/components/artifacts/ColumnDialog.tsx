import { useQuery } from "@tanstack/react-query"
import { useState } from "react"
import type { ColumnFigures } from "../../api/generated"
import { count, plural, value } from "../../lib/format"
import { Button } from "../../ui/Button"
import { Dialog } from "../../ui/Dialog"
import { Field } from "../../ui/Field"
import { FailedState, Skeleton } from "../../ui/States"
import { Table } from "../../ui/Table"
import styles from "./Preview.module.css"
import { columnQuery, type Source, type TableAsked } from "./source"

/** What the values of a column are, over the rows that are shown, and which of them to narrow to. */
export function ColumnDialog({
  source,
  path,
  column,
  asked,
  onNarrow,
  onClose,
}: {
  source: Source
  path: string
  column: string
  asked: Pick<TableAsked, "text" | "where">
  onNarrow: (conditions: readonly string[]) => void
  onClose: () => void
}) {
  const found = useQuery(columnQuery(source, path, column, asked))
  const [low, setLow] = useState("")
  const [high, setHigh] = useState("")
  const [held, setHeld] = useState("")
  const conditions = [
    ...(low.trim() ? [`${column} >= ${low.trim()}`] : []),
    ...(high.trim() ? [`${column} <= ${high.trim()}`] : []),
    ...(held.trim() ? [`${column} ~ ${held.trim()}`] : []),
  ]
  const narrow = () => conditions.length > 0 && onNarrow(conditions)
  const isNumber = found.data?.is_number ?? false
  return (
    <Dialog
      open
      onClose={onClose}
      title={column}
      foot={
        <>
          <Button onClick={onClose}>Close</Button>
          <Button
            variant="primary"
            onClick={narrow}
            disabledBecause={conditions.length === 0 && "Write a bound or a text first."}
          >
            Narrow
          </Button>
        </>
      }
    >
      {found.isPending && <Skeleton label="Reading the column" />}
      {found.isLoadingError && (
        <FailedState isInline error={found.error} onRetry={() => void found.refetch()} />
      )}
      {found.data && (
        <>
          <Figures of={found.data} />
          {(found.data.frequent ?? []).length > 0 && (
            <Table caption="Frequent values" head={["Value", ">Rows", ""]}>
              {(found.data.frequent ?? []).map((one) => (
                <tr key={one.value}>
                  <td data-wrap>{one.value}</td>
                  <td data-align="end">{count(one.rows)}</td>
                  <td data-align="end">
                    <Button size="s" onClick={() => onNarrow([`${column} = ${one.value}`])}>
                      Only these
                    </Button>
                  </td>
                </tr>
              ))}
            </Table>
          )}
          <div className={styles.narrow}>
            {isNumber ? (
              <>
                <Field label="At least" value={low} onChange={setLow} onEnter={narrow} />
                <Field label="At most" value={high} onChange={setHigh} onEnter={narrow} />
              </>
            ) : (
              <Field label="Holds" value={held} onChange={setHeld} onEnter={narrow} />
            )}
          </div>
        </>
      )}
    </Dialog>
  )
}

function Figures({ of }: { of: ColumnFigures }) {
  const { type, rows, missing = 0, distinct, least, greatest, mean, deviation, quartiles = [] } = of
  const facts: (readonly [string, string])[] = [
    ["Type", type],
    ["Rows", count(rows)],
    ["Missing", count(missing)],
    ["Different values", distinct === undefined ? "more than 100 000" : count(distinct)],
  ]
  const numbers = [
    ["Least", least],
    ["Quartiles", ...(quartiles.length === 3 ? quartiles : [])],
    ["Greatest", greatest],
    ["Mean", mean],
    ["Standard deviation", deviation],
  ] as const
  for (const [name, ...held] of numbers) {
    const told = held.flatMap((one) => (one === undefined ? [] : [value(Number(one))]))
    if (told.length > 0) facts.push([name, told.join(", ")])
  }
  return (
    <>
      <dl className={styles.figures} aria-label="Figures">
        {facts.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
      <Bins of={of} />
    </>
  )
}

function Bins({ of: { bins = [], ...ends } }: { of: ColumnFigures }) {
  if (bins.length < 2) return null
  const [least, greatest] = [Number(ends.least), Number(ends.greatest)]
  const most = Math.max(...bins)
  const width = (greatest - least) / bins.length
  return (
    <svg
      className={styles.bins}
      viewBox={`0 0 ${bins.length} 1`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`How the values spread from ${value(least)} to ${value(greatest)}`}
    >
      {bins.map((rows, at) => (
        <rect key={at} x={at + 0.05} width={0.9} y={1 - rows / most} height={rows / most}>
          <title>{`${plural(rows, "row")} from ${value(least + width * at)} on`}</title>
        </rect>
      ))}
    </svg>
  )
}
