import { useDeferredValue, useState } from "react"
import { plural } from "../../lib/format"
import { Toggle } from "../../ui/Toggle"
import { SearchField } from "../../ui/Field"
import { EmptyState } from "../../ui/States"
import { toast } from "../../ui/Toast"
import styles from "./Preview.module.css"
import TextView from "./TextView"

const SHOWN = 200
const OPEN_DEPTH = 2

/** A document as a tree that can be searched, or as the text that it was; what could not be read is text. */
export default function TreeView({
  text,
  held,
}: {
  text: string
  held: { value: unknown } | null
}) {
  const [isRaw, setRaw] = useState(false)
  const [typed, setTyped] = useState("")
  const sought = useDeferredValue(typed.trim().toLowerCase())
  if (held === null) return <TextView text={text} />
  const isFound = sought === "" || holds("", held.value, sought, true)
  return (
    <>
      <div className={styles.bar}>
        {!isRaw && <SearchField label="Find in the document" value={typed} onChange={setTyped} />}
        <Toggle on={isRaw} onChange={setRaw}>
          Raw
        </Toggle>
      </div>
      {isRaw ? (
        <TextView text={text} />
      ) : isFound ? (
        <div
          className={`${styles.scroll} ${styles.json}`}
          tabIndex={0}
          role="region"
          aria-label="Document"
        >
          {/* What was opened or closed by hand is of one search. */}
          <Node key={sought} value={held.value} path="" depth={0} sought={sought} />
        </div>
      ) : (
        <EmptyState icon="search" title="No key and no value holds that" />
      )}
    </>
  )
}

/** Whether a key, or a value at it or anywhere below, holds *sought*. Places in lists are no keys. */
function holds(key: string, value: unknown, sought: string, isPlace: boolean): boolean {
  if (!isPlace && key.toLowerCase().includes(sought)) return true
  if (typeof value !== "object" || value === null) {
    return String(value).toLowerCase().includes(sought)
  }
  const isList = Array.isArray(value)
  return Object.entries(value).some(([name, one]) => holds(name, one, sought, isList))
}

function Node({
  name,
  value,
  path,
  depth,
  sought,
}: {
  name?: string
  value: unknown
  path: string
  depth: number
  /** In lower case; "" shows all. */
  sought: string
}) {
  const [wasOpened, setOpened] = useState<boolean | null>(null)
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
  // Below a key that is sought for, all is shown.
  const deeper = sought !== "" && name?.toLowerCase().includes(sought) ? "" : sought
  const all = Object.entries(value)
  const entries = deeper === "" ? all : all.filter(([key, one]) => holds(key, one, deeper, isList))
  const isOpen = wasOpened ?? (depth < OPEN_DEPTH || sought !== "")
  return (
    <div>
      {label}
      <button type="button" aria-expanded={isOpen} onClick={() => setOpened(!isOpen)}>
        {isList ? "[" : "{"}
        {!isOpen && `… ${plural(entries.length, isList ? "item" : "key")} ${isList ? "]" : "}"}`}
      </button>
      {isOpen && (
        <>
          <ul>
            {entries.slice(0, shown).map(([key, one]) => (
              <li key={key}>
                <Node
                  name={key}
                  value={one}
                  path={step(path, key, isList)}
                  depth={depth + 1}
                  sought={deeper}
                />
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
