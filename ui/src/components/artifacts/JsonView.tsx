import { useMemo, useState } from "react"
import { plural } from "../../lib/format"
import { Button } from "../../ui/Button"
import { toast } from "../../ui/Toast"
import styles from "./Preview.module.css"
import TextView from "./TextView"

const SHOWN = 200
const OPEN_DEPTH = 2

/** A document as a tree; what is no JSON is text. */
export default function JsonView({ text, isLines }: { text: string; isLines: boolean }) {
  const [isRaw, setRaw] = useState(false)
  const parsed = useMemo(() => read(text, isLines), [text, isLines])
  if (isRaw || parsed === null) {
    return (
      <>
        {parsed !== null && <RawBar isRaw onChange={setRaw} />}
        <TextView text={text} />
      </>
    )
  }
  return (
    <>
      <RawBar isRaw={false} onChange={setRaw} />
      <div
        className={`${styles.scroll} ${styles.json}`}
        tabIndex={0}
        role="region"
        aria-label="Document"
      >
        <Node value={parsed.value} path="" depth={0} />
      </div>
    </>
  )
}

function RawBar({ isRaw, onChange }: { isRaw: boolean; onChange: (isRaw: boolean) => void }) {
  return (
    <div className={styles.bar}>
      <Button size="s" variant="quiet" aria-pressed={isRaw} onClick={() => onChange(!isRaw)}>
        Raw
      </Button>
    </div>
  )
}

function read(text: string, isLines: boolean): { value: unknown } | null {
  try {
    if (!isLines) return { value: JSON.parse(text) }
    return {
      value: text
        .split("\n")
        .filter((line) => line.trim())
        .map((line) => JSON.parse(line) as unknown),
    }
  } catch {
    return null
  }
}

function Node({
  name,
  value,
  path,
  depth,
}: {
  name?: string
  value: unknown
  path: string
  depth: number
}) {
  const [isOpen, setOpen] = useState(depth < OPEN_DEPTH)
  const [shown, setShown] = useState(SHOWN)
  const label = name !== undefined && (
    <>
      <button
        type="button"
        data-kind="key"
        title={`Copy ${path}`}
        onClick={() =>
          void navigator.clipboard.writeText(path).then(() => toast.done(`Copied ${path}`))
        }
      >
        {name}
      </button>
      {": "}
    </>
  )
  if (typeof value !== "object" || value === null) {
    const kind =
      typeof value === "string" ? "string" : typeof value === "number" ? "number" : "word"
    return (
      <div>
        {label}
        <span data-kind={kind}>{JSON.stringify(value)}</span>
      </div>
    )
  }
  const isList = Array.isArray(value)
  const entries = Object.entries(value)
  return (
    <div>
      {label}
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {isList ? "[" : "{"}
        {!isOpen && `… ${plural(entries.length, isList ? "item" : "key")} ${isList ? "]" : "}"}`}
      </button>
      {isOpen && (
        <>
          <ul>
            {entries.slice(0, shown).map(([key, one]) => (
              <li key={key}>
                <Node name={key} value={one} path={step(path, key, isList)} depth={depth + 1} />
              </li>
            ))}
            {entries.length > shown && (
              <li>
                <button type="button" onClick={() => setShown(shown + 10 * SHOWN)}>
                  … {plural(entries.length - shown, "more item")}
                </button>
              </li>
            )}
          </ul>
          {isList ? "]" : "}"}
        </>
      )}
    </div>
  )
}

function step(path: string, key: string, isList: boolean): string {
  if (isList) return `${path}[${key}]`
  return /^[A-Za-z_]\w*$/.test(key)
    ? path
      ? `${path}.${key}`
      : key
    : `${path}[${JSON.stringify(key)}]`
}
