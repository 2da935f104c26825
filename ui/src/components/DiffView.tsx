import { useMemo } from "react"
import { diffLines, hunks, type DiffLine } from "../lib/diff"
import { Card } from "../ui/Card"
import { EmptyState } from "../ui/States"
import { Table } from "../ui/Table"
import styles from "./DiffView.module.css"
import type { Change } from "./registry/mlmodel"

const MARKS = { same: " ", added: "+", removed: "−" } as const
const WORDS = { same: "", added: "added: ", removed: "removed: " } as const

/** The lines in which two texts differ, with a few around them. */
export function DiffView({ before, after }: { before: string; after: string }) {
  const shown = useMemo(() => hunks(diffLines(before, after)), [before, after])
  if (!shown.some((line) => line && line.kind !== "same")) {
    return <EmptyState isInline title="The same on both sides" />
  }
  return (
    <div className={styles.text} role="list" aria-label="Changed lines">
      {shown.map((line, at) =>
        line ? <Line key={at} line={line} /> : <hr key={at} role="presentation" />,
      )}
    </div>
  )
}

function Line({ line: { kind, text, before, after } }: { line: DiffLine }) {
  return (
    <div className={styles.line} role="listitem" data-kind={kind}>
      <i>{before}</i>
      <i>{after}</i>
      <b aria-hidden="true">{MARKS[kind]}</b>
      <code>
        <span className="visually-hidden">{WORDS[kind]}</span>
        {text}
      </code>
    </div>
  )
}

/** Names with their values on two sides; *isOnly*: only those that differ. */
export function DiffTable({
  title,
  before,
  after,
  changes,
  isOnly = false,
}: {
  title: string
  before: string
  after: string
  changes: readonly Change[]
  isOnly?: boolean
}) {
  const differing = changes.filter((one) => one.before !== one.after)
  const shown = isOnly ? differing : changes
  return (
    <Card
      title={title}
      note={changes.length > 0 && `${differing.length} of ${changes.length} differ`}
    >
      {shown.length === 0 ? (
        <EmptyState
          isInline
          title={changes.length === 0 ? "Neither states any" : "The same on both sides"}
        />
      ) : (
        <Table caption={title} head={["", "Name", before, after]}>
          {shown.map((one) => {
            const kind = kindOf(one)
            return (
              <tr key={one.name} className={kind && styles[kind]} data-change={kind}>
                <td>{kind}</td>
                <td data-wrap="">{one.name}</td>
                <td data-wrap="">{one.before ?? "–"}</td>
                <td data-wrap="">{one.after ?? "–"}</td>
              </tr>
            )
          })}
        </Table>
      )}
    </Card>
  )
}

function kindOf({ before, after }: Change): "added" | "removed" | "changed" | undefined {
  if (before === after) return undefined
  if (before === null) return "added"
  return after === null ? "removed" : "changed"
}
