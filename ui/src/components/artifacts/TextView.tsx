import { useVirtualizer } from "@tanstack/react-virtual"
import { useDeferredValue, useMemo, useRef, useState, type ReactNode } from "react"
import { count, plural } from "../../lib/format"
import { useShortcuts } from "../../lib/keys"
import { Toggle } from "../../ui/Toggle"
import { SearchField } from "../../ui/Field"
import styles from "./Preview.module.css"

const LINE = 20
const MOST_FOUND = 10_000

/** Text of any length: lines exist while they are in sight. */
export default function TextView({ text, note }: { text: string; note?: string }) {
  const scroller = useRef<HTMLDivElement>(null)
  const field = useRef<HTMLInputElement>(null)
  const [isWrapped, setWrapped] = useState(false)
  const [sought, setSought] = useState("")
  const [at, setAt] = useState(0)
  const wanted = useDeferredValue(sought.toLowerCase())
  const lines = useMemo(() => text.replace(/\r?\n$/, "").split(/\r?\n/), [text])
  const found = useMemo(() => {
    const hits: number[] = []
    if (!wanted) return hits
    for (const [index, line] of lines.entries()) {
      if (line.toLowerCase().includes(wanted)) hits.push(index)
      if (hits.length === MOST_FOUND) break
    }
    return hits
  }, [lines, wanted])
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE,
    overscan: 20,
  })
  const step = (by: number) => {
    if (found.length === 0) return
    const next = (at + by + found.length) % found.length
    setAt(next)
    rows.scrollToIndex(found[next] ?? 0, { align: "center" })
  }
  useShortcuts([
    { keys: "w", label: "Wrap lines", group: "Text", run: () => setWrapped(!isWrapped) },
    { keys: "/", label: "Find in the text", group: "Text", run: () => field.current?.focus() },
  ])
  return (
    <div className={styles.text}>
      <div className={styles.bar}>
        <SearchField
          ref={field}
          label="Find in the text"
          value={sought}
          onChange={(next) => {
            setSought(next)
            setAt(0)
          }}
          onKeyDown={(event) =>
            event.key === "Enter" && step(event.shiftKey ? -1 : sought === wanted ? 1 : 0)
          }
        />
        {sought && (
          <span role="status">
            {found.length === 0
              ? "not found"
              : `${count(at + 1)} of ${plural(found.length, "line")}`}
          </span>
        )}
        <Toggle on={isWrapped} onChange={setWrapped}>
          Wrap
        </Toggle>
        <span>{note ?? plural(lines.length, "line")}</span>
      </div>
      <div
        ref={scroller}
        className={`${styles.scroll} ${isWrapped ? styles.wrapped : ""}`}
        tabIndex={0}
        role="region"
        aria-label="Text"
      >
        <div className={styles.lines} style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map(({ index, start, key }) => (
            <div
              key={key}
              ref={isWrapped ? rows.measureElement : undefined}
              data-index={index}
              className={styles.line}
              data-current={found[at] === index ? "" : undefined}
              style={{ transform: `translateY(${start}px)` }}
            >
              <i>{index + 1}</i>
              <span>{marked(lines[index] ?? "", wanted)}</span>
            </div>
          ))}
        </div>
      </div>
    </div>
  )
}

function marked(line: string, wanted: string): ReactNode {
  if (!wanted) return line
  const parts: ReactNode[] = []
  const low = line.toLowerCase()
  let from = 0
  for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, from)) {
    parts.push(line.slice(from, at), <mark key={at}>{line.slice(at, at + wanted.length)}</mark>)
    from = at + wanted.length
  }
  return [...parts, line.slice(from)]
}
