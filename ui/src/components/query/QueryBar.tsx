import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { useDeferredValue, useEffect, useId, useRef, useState, type KeyboardEvent } from "react"
import { ApiError } from "../../api/errors"
import {
  parsed,
  place,
  tokens,
  without,
  type Chip,
  type Mistake,
  type Place,
} from "../../lib/filter"
import { useShortcuts } from "../../lib/keys"
import { Icon } from "../../ui/Icon"
import { completionsQuery, type Completion } from "./completions"
import styles from "./QueryBar.module.css"

const SETTLE_MS = 350
const KEYWORD = /^(AND|OR|NOT|LIKE|ILIKE|RLIKE|IN|BETWEEN|IS|NULL)$/i

/**
 * The query as text, with completion, and its comparisons as chips. What is written is asked for once
 * it means something; until then what is shown stays.
 */
export function QueryBar({
  value,
  onChange,
  experiments,
  refusal = null,
}: {
  value: string
  onChange: (text: string) => void
  experiments: readonly string[]
  /** What the server says against the text, as far as it has been asked. */
  refusal?: unknown
}) {
  const id = useId()
  const field = useRef<HTMLInputElement>(null)
  const mirror = useRef<HTMLDivElement>(null)
  const [text, setText] = useState(value)
  const [known, setKnown] = useState(value)
  const [cursor, setCursor] = useState<number | null>(null)
  const [chosen, setChosen] = useState(0)
  const [hasChosen, setHasChosen] = useState(false)
  if (value !== known) {
    // Changed elsewhere: a chip, a column menu, another address.
    setKnown(value)
    setText(value)
  }
  const meaning = parsed(text)
  const mistake =
    meaning.kind === "mistake" ? meaning.mistake : text === value ? refused(text, refusal) : null
  const isWriting = cursor !== null
  const spot = isWriting ? place(text, cursor) : null
  const wanted = useDeferredValue(spot)
  const found = useQuery({
    ...completionsQuery(experiments, wanted),
    placeholderData: keepPreviousData,
    enabled: isWriting,
  })
  const offered = isWriting && spot ? (found.data ?? []) : []
  // What is written already needs no offer.
  const options = offered.length === 1 && offered[0]?.label === spot?.typed ? [] : offered

  useEffect(() => {
    if (text === known || parsed(text).kind === "mistake") return
    const timer = setTimeout(() => {
      setKnown(text)
      onChange(text)
    }, SETTLE_MS)
    return () => clearTimeout(timer)
  }, [text, known, onChange])

  useShortcuts([
    { keys: "/", label: "Write a query", group: "Query", run: () => field.current?.focus() },
  ])

  const write = (next: string, at = next.length) => {
    setText(next)
    setCursor(at)
    setChosen(0)
    setHasChosen(false)
    requestAnimationFrame(() => {
      field.current?.setSelectionRange(at, at)
      follow()
    })
  }
  const complete = (option: Completion) => {
    if (!spot) return
    const before = text.slice(0, spot.from) + option.insert
    write(before + text.slice(spot.to).replace(/^\s+/, " "), before.length)
  }
  const settle = (next: string) => {
    setCursor(null)
    setKnown(next)
    setText(next)
    onChange(next)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    const isOpen = options.length > 0
    switch (event.key) {
      case "ArrowDown":
      case "ArrowUp":
        if (!isOpen) return
        setHasChosen(true)
        setChosen((chosen + (event.key === "ArrowDown" ? 1 : options.length - 1)) % options.length)
        break
      case "Tab":
      case "Enter": {
        const option = options[chosen]
        // Enter asks for what means something; else it takes what is offered.
        // Tab leaves the field, unless something of what is offered was written or chosen.
        if (event.key === "Tab" && !hasChosen && !spot?.typed) {
          setCursor(null)
          return
        }
        if (option && (event.key === "Tab" || hasChosen || mistake)) complete(option)
        else if (event.key === "Enter" && meaning.kind !== "mistake") settle(text)
        else if (event.key === "Tab") return
        break
      }
      case "Escape":
        if (isOpen) setCursor(null)
        else field.current?.blur()
        break
      default:
        return
    }
    event.preventDefault()
    event.stopPropagation()
  }
  const follow = () => {
    if (mirror.current && field.current) mirror.current.scrollLeft = field.current.scrollLeft
  }
  const track = () => setCursor(field.current?.selectionStart ?? null)

  return (
    <div className={styles.bar}>
      <div className={styles.field} data-invalid={mistake ? "" : undefined}>
        <Icon name="filter" size={14} />
        <div className={styles.writing}>
          <div ref={mirror} className={styles.mirror} aria-hidden="true">
            <Coloured text={text} from={mistake?.from} to={mistake?.to} />
          </div>
          <input
            ref={field}
            className={styles.input}
            role="combobox"
            aria-label="Query"
            aria-expanded={options.length > 0}
            aria-controls={`${id}-options`}
            aria-activedescendant={options.length > 0 ? `${id}-${chosen}` : undefined}
            aria-autocomplete="list"
            aria-invalid={mistake !== null}
            aria-describedby={mistake ? `${id}-error` : undefined}
            placeholder="metrics.loss < 0.3 AND params.optimizer = 'adam', or plain words"
            spellCheck={false}
            autoComplete="off"
            value={text}
            onChange={(event) => {
              setText(event.target.value)
              setCursor(event.target.selectionStart)
              setChosen(0)
              setHasChosen(false)
            }}
            onKeyDown={onKeyDown}
            onKeyUp={(event) => /^(Arrow(Left|Right)|Home|End)$/.test(event.key) && track()}
            onClick={track}
            onFocus={track}
            onBlur={() => setCursor(null)}
            onScroll={follow}
          />
        </div>
        {text && (
          <button
            type="button"
            aria-label="Clear the query"
            style={{ border: 0, background: "none", padding: "4px 8px", cursor: "pointer" }}
            onClick={() => settle("")}
          >
            <Icon name="close" size={14} />
          </button>
        )}
        <ul
          id={`${id}-options`}
          role="listbox"
          aria-label="Completions"
          className={styles.options}
          hidden={options.length === 0}
        >
          {options.map((option, at) => (
            <li
              key={option.label}
              id={`${id}-${at}`}
              role="option"
              aria-selected={at === chosen}
              onMouseDown={(event) => {
                event.preventDefault()
                complete(option)
              }}
            >
              <code>{option.label}</code>
              <small>{option.note}</small>
            </li>
          ))}
        </ul>
      </div>
      {mistake && (
        <div id={`${id}-error`} className={styles.error} role="alert">
          {mistake.message}
        </div>
      )}
      {meaning.kind === "filter" && meaning.chips.length > 0 && (
        <Chips
          list={meaning.chips}
          onEdit={(chip) => {
            field.current?.focus()
            field.current?.setSelectionRange(chip.from, chip.to)
          }}
          onRemove={(chip) => settle(without(text, chip))}
        />
      )}
    </div>
  )
}

/** The mistake that the server found in a filter: the token at its column. */
function refused(text: string, refusal: unknown): Mistake | null {
  if (!(refusal instanceof ApiError) || refusal.field !== "filter") return null
  // The server counts characters, this language half of some.
  const at = [...text].slice(0, (refusal.column ?? 1) - 1).join("").length
  const token = tokens(text).find(({ to }) => to > at)
  return { from: at, to: token?.to ?? text.length, message: refusal.message }
}

function Chips({
  list,
  onEdit,
  onRemove,
}: {
  list: readonly Chip[]
  onEdit: (chip: Chip) => void
  onRemove: (chip: Chip) => void
}) {
  return (
    <div className={styles.chips} role="group" aria-label="Filters">
      {list.map((chip) => (
        <span key={`${chip.from} ${chip.text}`} className={styles.chip}>
          <button type="button" title={chip.text} onClick={() => onEdit(chip)}>
            {chip.text}
          </button>
          <button type="button" aria-label={`Remove ${chip.text}`} onClick={() => onRemove(chip)}>
            <Icon name="close" size={12} />
          </button>
        </span>
      ))}
    </div>
  )
}

function Coloured({
  text,
  from,
  to,
}: {
  text: string
  from?: number | undefined
  to?: number | undefined
}) {
  const parts = []
  let at = 0
  for (const token of tokens(text)) {
    if (token.from > at) parts.push(text.slice(at, token.from))
    const kind = KEYWORD.test(token.text) ? "keyword" : token.kind
    const isWrong = from !== undefined && to !== undefined && token.from < to && token.to > from
    const span = (
      <span key={token.from} data-kind={kind}>
        {token.text}
      </span>
    )
    parts.push(isWrong ? <mark key={token.from}>{span}</mark> : span)
    at = token.to
  }
  parts.push(text.slice(at))
  return parts
}

export type { Place }
