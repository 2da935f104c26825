import { useQueries, useQuery, useQueryClient } from "@tanstack/react-query"
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from "react"
import { flushSync } from "react-dom"
import type { LogLine } from "../../api/generated"
import { useRefetchInterval } from "../../api/live"
import { bytes, count, dateTime, exactTime, plural } from "../../lib/format"
import { useShortcuts } from "../../lib/keys"
import { timesInUtc } from "../../lib/prefs"
import { useStore } from "../../lib/store"
import { Button, IconButton } from "../../ui/Button"
import { SearchField, Select } from "../../ui/Field"
import { FailedState } from "../../ui/States"
import { Toggle } from "../../ui/Toggle"
import { pieces } from "./ansi"
import { find, known, PAGE, pageQuery, sizeQuery, type Level, type Shown } from "./log"
import styles from "./LogView.module.css"
import { mostRows } from "./tallest"

const LINE = 20
const AROUND = 15
const POLL_MS = 2_000
const AT_END = 2 * LINE
/** However high the place is that a page gives it. */
const HIGHEST = 4_000

const LEVELS: readonly (readonly [Level | "", string])[] = [
  ["", "All lines"],
  ["debug", "Debug and above"],
  ["info", "Info and above"],
  ["warning", "Warnings and errors"],
  ["error", "Errors"],
  ["critical", "Critical"],
]

export interface LogViewProps {
  run: string
  path: string
  /** It may grow. */
  isRunning: boolean
  /** The line to begin at, from 0. */
  line: number | null
  /** Somebody points at a line, to show it to others. */
  onLine: (line: number) => void
}

/** Lines of a log of any length: those in sight are on the page, those around them are loaded. */
export default function LogView({ run, path, isRunning, line, onLine }: LogViewProps) {
  const client = useQueryClient()
  const scroller = useRef<HTMLDivElement>(null)
  const field = useRef<HTMLInputElement>(null)
  const [level, setLevel] = useState<Level | "">("")
  const [isWrapped, setWrapped] = useState(false)
  const [hasTimes, setTimes] = useState(true)
  const [isFollowing, setFollowing] = useState(isRunning && line === null)
  const [current, setCurrent] = useState(line)
  const [base, setBase] = useState(() => partOf(line ?? 0))
  const [view, setView] = useState({ top: 0, height: 600 })
  const lastTop = useRef(0)
  const begins = useRef(line)

  const shown: Shown = { run, path, level: level || undefined }
  const interval = useRefetchInterval(POLL_MS)
  const size = useQuery({ ...sizeQuery(shown), refetchInterval: isRunning && interval })
  const total = size.data?.total ?? 0
  const isReady = size.data !== undefined
  // It may have said its last words since.
  useEffect(() => {
    if (!isRunning) void client.invalidateQueries({ queryKey: ["log", run, path] })
  }, [client, run, path, isRunning])

  // Browsers end at some height, so a very long log is shown in parts.
  const part = isFollowing || base >= total ? partOf(Math.max(0, total - 1)) : base
  const rows = Math.min(total - part, mostRows(LINE))
  // Wrapped lines are of any height: one is scrolled to at a time, the last ones stand at the bottom.
  const height = Math.min(view.height, HIGHEST)
  const most = Math.ceil(height / LINE)
  const isAtBottom = isWrapped && view.top >= (rows - 1) * LINE - 1
  const from = isAtBottom ? rows - most : Math.floor(view.top / LINE) - (isWrapped ? 0 : AROUND)
  const first = part + Math.max(0, Math.min(from, rows - 1))
  const last = Math.min(part + rows, first + most + 2 * AROUND)
  const wanted: number[] = []
  for (let page = Math.floor(first / PAGE); page * PAGE < last; page++) wanted.push(page)
  const pages = useQueries({
    queries: wanted.map((page) => pageQuery(shown, page, Math.min(PAGE, total - page * PAGE))),
  })
  const failed = pages.find(({ isLoadingError }) => isLoadingError)
  const lines: (LogLine | undefined)[] = []
  for (let row = first; row < last; row++) {
    const page = Math.floor(row / PAGE)
    const held = pages[page - (wanted[0] ?? 0)]?.data ?? known(client, shown, page)
    lines.push(held[row - page * PAGE])
  }
  const isLoading = !isReady || (lines.some((one) => one === undefined) && !failed)

  const jump = (row: number) => {
    flushSync(() => {
      setFollowing(false)
      setBase(partOf(row))
    })
    const on = scroller.current
    if (on) {
      on.scrollTop = (row - partOf(row)) * LINE - (isWrapped ? 2 * LINE : on.clientHeight / 2)
    }
  }
  const search = useSearch(shown, size.data?.lines ?? 0, {
    from: () => current ?? lines[first === part ? 0 : AROUND]?.line ?? 0,
    isAt: current,
    onFound: (found, row) => {
      setCurrent(found)
      jump(row)
    },
  })

  useLayoutEffect(() => {
    const on = scroller.current
    if (!on || !isReady) return
    const measure = () => setView({ top: on.scrollTop, height: on.clientHeight })
    const sizes = new ResizeObserver(measure)
    sizes.observe(on)
    return () => sizes.disconnect()
  }, [isReady])
  // Where to begin, as soon as the place is high enough.
  useLayoutEffect(() => {
    const on = scroller.current
    if (!on || !isReady || begins.current === null) return
    const top = (begins.current - partOf(begins.current)) * LINE
    if (on.scrollHeight < Math.min(top + LINE, rows * LINE)) return
    begins.current = null
    on.scrollTop = top - on.clientHeight / 2
  })
  useLayoutEffect(() => {
    const on = scroller.current
    if (on && isFollowing) on.scrollTop = on.scrollHeight
  }, [isFollowing, total, isLoading, isWrapped])

  const scrolled = (on: HTMLDivElement) => {
    const isAtEnd = on.scrollHeight - on.scrollTop - on.clientHeight < AT_END
    if (isAtEnd && part + rows >= total) setFollowing(isRunning)
    else if (on.scrollTop < lastTop.current) {
      if (isFollowing) setBase(part)
      setFollowing(false)
    }
    lastTop.current = on.scrollTop
    setView({ top: on.scrollTop, height: on.clientHeight })
  }
  const follow = () => {
    if (isFollowing) setBase(part)
    setFollowing(!isFollowing && isRunning)
  }
  useShortcuts([
    { keys: "w", label: "Wrap lines", group: "Log", run: () => setWrapped(!isWrapped) },
    { keys: "/", label: "Find in the log", group: "Log", run: () => field.current?.focus() },
    { keys: "n", label: "Next hit", group: "Log", run: () => void search.next(false) },
    { keys: "N", label: "Hit before", group: "Log", run: () => void search.next(true) },
    { keys: "f", label: "Follow the end", group: "Log", run: follow },
    {
      keys: "y",
      label: "Copy the link to the line",
      group: "Log",
      run: () => onLine(current ?? lines[first === part ? 0 : AROUND]?.line ?? 0),
    },
  ])
  if (size.isLoadingError) {
    return <FailedState error={size.error} onRetry={() => void size.refetch()} />
  }
  return (
    <div
      className={styles.log}
      data-state={isLoading ? "loading" : "ready"}
      data-rows={total}
      data-following={isFollowing}
    >
      <div className={styles.bar}>
        <SearchField
          ref={field}
          label="Find in the log"
          value={search.text}
          onChange={search.setText}
          onKeyDown={(event) => event.key === "Enter" && void search.next(event.shiftKey)}
        />
        {search.text && (
          <>
            <IconButton
              size="s"
              icon="chevronUp"
              label="Hit before"
              keys="N"
              onClick={() => void search.next(true)}
            />
            <IconButton
              size="s"
              icon="chevronDown"
              label="Next hit"
              keys="n"
              onClick={() => void search.next(false)}
            />
          </>
        )}
        <span role="status">{search.told}</span>
        <Select
          label="Level"
          hideLabel
          value={level}
          choices={LEVELS}
          onChange={(next) => {
            setLevel(next)
            setBase(0)
          }}
        />
        <Toggle on={isWrapped} onChange={setWrapped}>
          Wrap
        </Toggle>
        <Toggle on={hasTimes} onChange={setTimes}>
          Times
        </Toggle>
        <Toggle
          on={isFollowing}
          disabledBecause={!isRunning && "The run has ended: its log grows no more."}
          onChange={follow}
        >
          Follow
        </Toggle>
        {rows < total && <Parts part={part} rows={rows} total={total} onRow={(row) => jump(row)} />}
        <span title={size.data && `${count(size.data.size)} bytes`}>
          {size.data
            ? `${level ? `${count(total)} of ` : ""}${plural(size.data.lines, "line")}, ${bytes(size.data.size)}`
            : "Reading the log…"}
        </span>
      </div>
      {failed && (
        <FailedState isInline error={failed.error} onRetry={() => void failed.refetch()} />
      )}
      <div
        ref={scroller}
        className={`${styles.scroll} ${isWrapped ? styles.wrapped : ""}`}
        tabIndex={0}
        role="region"
        aria-label="Log"
        aria-busy={isLoading}
        onScroll={(event) => scrolled(event.currentTarget)}
      >
        <div
          className={styles.space}
          style={{ height: Math.max(0, isWrapped ? (rows - 1) * LINE + height : rows * LINE) }}
        >
          <div
            className={styles.rows}
            data-at={isAtBottom ? "bottom" : undefined}
            style={
              isAtBottom
                ? { minHeight: height }
                : { transform: `translateY(${(first - part) * LINE}px)` }
            }
          >
            {lines.map((one, at) => (
              <Row
                key={first + at}
                line={one}
                isCurrent={one !== undefined && one.line === current}
                hasTimes={hasTimes}
                sought={search.sought}
                onLine={(number) => {
                  setCurrent(number)
                  onLine(number)
                }}
              />
            ))}
          </div>
        </div>
      </div>
    </div>
  )
}

function partOf(row: number): number {
  const most = mostRows(LINE)
  return Math.floor(row / most) * most
}

/** Which part of a log is shown that is too long for one. */
function Parts({
  part,
  rows,
  total,
  onRow,
}: {
  part: number
  rows: number
  total: number
  onRow: (row: number) => void
}) {
  return (
    <>
      <Button
        size="s"
        variant="quiet"
        disabledBecause={part === 0 && "This is the first part."}
        onClick={() => onRow(part - 1)}
      >
        Part before
      </Button>
      <span>{`${count(part + 1)}–${count(part + rows)}`}</span>
      <Button
        size="s"
        variant="quiet"
        disabledBecause={part + rows >= total && "This is the last part."}
        onClick={() => onRow(part + rows)}
      >
        Next part
      </Button>
    </>
  )
}

/** Goes from hit to hit; the server looks for them, and begins anew behind the last one. */
function useSearch(
  shown: Shown,
  lines: number,
  at: { from: () => number; isAt: number | null; onFound: (line: number, row: number) => void },
) {
  const [text, setText] = useState("")
  const [sought, setSought] = useState("")
  const [told, setTold] = useState("")
  const turn = useRef(0)
  const next = async (backward: boolean) => {
    if (!text || lines === 0) return
    const mine = ++turn.current
    const isAgain = text === sought && at.isAt !== null
    const start = at.from() + (isAgain ? (backward ? -1 : 1) : 0)
    setSought(text)
    setTold("Looking…")
    try {
      let found = start < 0 ? {} : await find(shown, text, start, backward)
      const isAround = found.line === undefined
      if (isAround) found = await find(shown, text, backward ? lines - 1 : 0, backward)
      if (turn.current !== mine) return
      if (found.line === undefined) {
        setTold("Not in the log")
        return
      }
      const where = `Line ${count(found.line + 1)}`
      setTold(isAround ? `${where}, ${backward ? "from the end" : "from the top"} again` : where)
      at.onFound(found.line, found.row ?? found.line)
    } catch (error) {
      if (turn.current === mine) setTold(error instanceof Error ? error.message : String(error))
    }
  }
  return {
    text,
    sought: text === sought ? sought : "",
    told: text ? told : "",
    next,
    setText: (given: string) => {
      turn.current++
      setText(given)
      setTold("")
    },
  }
}

function Row({
  line,
  isCurrent,
  hasTimes,
  sought,
  onLine,
}: {
  line: LogLine | undefined
  isCurrent: boolean
  hasTimes: boolean
  sought: string
  onLine: (line: number) => void
}) {
  const utc = useStore(timesInUtc)
  if (!line) return <div className={styles.row}>…</div>
  const { time_ms: at } = line
  return (
    <div
      className={styles.row}
      data-line={line.line + 1}
      data-level={line.level ?? undefined}
      data-current={isCurrent ? "" : undefined}
    >
      <button
        type="button"
        className={styles.number}
        tabIndex={-1}
        title="Copy the link to this line"
        onClick={() => onLine(line.line)}
      >
        {line.line + 1}
      </button>
      {hasTimes && at !== null && at !== undefined && (
        <time className={styles.time} dateTime={exactTime(at)} title={exactTime(at)}>
          {clock(at, utc)}
        </time>
      )}
      {line.stream && <span className={styles.stream}>{line.stream === "err" && "err"}</span>}
      <span>
        {pieces(line.text).map(({ text, colour, bold, faint, italic, underlined }, place) => (
          <span
            key={place}
            data-colour={colour}
            data-bold={bold}
            data-faint={faint}
            data-italic={italic}
            data-underlined={underlined}
          >
            {marked(text, sought)}
          </span>
        ))}
        {line.is_cut && <em title="The line is longer: download the log to see all of it">…</em>}
      </span>
    </div>
  )
}

function clock(at: number, utc: boolean): string {
  return `${dateTime(at, utc).slice(11, 19)}.${String(at % 1000).padStart(3, "0")}`
}

function marked(text: string, sought: string): ReactNode {
  if (!sought) return text
  const wanted = sought.toLowerCase()
  const low = text.toLowerCase()
  const parts: ReactNode[] = []
  let from = 0
  for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, from)) {
    parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + wanted.length)}</mark>)
    from = at + wanted.length
  }
  return [...parts, text.slice(from)]
}
