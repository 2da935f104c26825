import { useId, useRef, useState, type KeyboardEvent, type ReactNode } from "react"
import { plural } from "../lib/format"
import { IconButton } from "../ui/Button"
import { Icon } from "../ui/Icon"
import { Menu, type MenuEntry } from "../ui/Menu"
import { Late } from "../ui/States"
import { AsOf } from "../ui/Time"
import { toast } from "../ui/Toast"
import styles from "./ChartFrame.module.css"
import { DataTable } from "./DataTable"
import { fileName, save } from "./export"
import { csvOf, type ChartTable } from "./table"

export type ChartState = "loading" | "ready" | "empty" | "error"

/** What tests and styles read off the root of a chart. */
export interface Facts {
  series: number
  points: number
  xmin?: number | undefined
  xmax?: number | undefined
  version: number
}

/** What keys do while the plot has the focus; texts are announced. */
export interface ChartKeys {
  /** Moves the cursor by so many entries. */
  move?: (by: number) => string | null
  /** Goes to another series. */
  turn?: (by: number) => string | null
  zoom?: (factor: number) => void
  reset?: () => void
  logX?: () => void
  logY?: () => void
  smoothing?: () => void
}

export interface ChartFrameProps {
  title: string
  /** Beside the title: the metric's unit, "100 of 1 240 drawn". */
  note?: ReactNode
  state: ChartState
  /** Old things are shown until the new ones are here. */
  isBusy?: boolean
  /** When what is shown was heard, if it could not be asked for again. */
  asOf?: number | false
  facts: Facts
  sentence: string
  table: ChartTable | null
  /** What cannot be drawn, and why. */
  notice?: ReactNode
  /** Stands in place of the plot when there is nothing to draw. */
  absence?: ReactNode
  png?: (() => Promise<Blob>) | undefined
  svg?: (() => string) | undefined
  /** All numbers, not only those that are drawn. */
  rawCsv?: (() => Promise<string>) | undefined
  keys?: ChartKeys
  actions?: readonly MenuEntry[]
  tools?: ReactNode
  grip?: ReactNode
  legend?: ReactNode
  isFull?: boolean
  onFull?: ((full: boolean) => void) | undefined
  /** To the panel before or after. */
  onStep?: ((by: number) => void) | undefined
  children: ReactNode
}

/** Everything around a chart: name, menu, its numbers as a table, files, keys, and a sentence. */
export function ChartFrame(props: ChartFrameProps) {
  const { title, state, facts, table, keys = {}, isFull = false, onFull, onStep } = props
  const id = useId()
  const root = useRef<HTMLElement>(null)
  const [hasTable, setTable] = useState(false)
  const [said, setSaid] = useState("")

  const png = async () => {
    try {
      if (props.png) save(fileName(title, "png"), await props.png())
    } catch (error) {
      toast.failed("No image was made", error)
    }
  }
  const svg = () => props.svg && save(fileName(title, "svg"), props.svg(), "image/svg+xml")
  const csv = () => table && save(fileName(title, "csv"), csvOf(table), "text/csv")
  const raw = async () => {
    try {
      if (props.rawCsv) save(fileName(`${title}-raw`, "csv"), await props.rawCsv(), "text/csv")
    } catch (error) {
      toast.failed("The points could not be read", error)
    }
  }

  const announce = (text: string | null | undefined) => text && setSaid(text)
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const { target } = event
    if (!(target instanceof HTMLElement) || target.closest("[data-plot-keys]") === null) return
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const far = event.shiftKey ? 10 : 1
    const acts: Record<string, (() => unknown) | undefined> = {
      ArrowRight: keys.move && (() => announce(keys.move?.(far))),
      ArrowLeft: keys.move && (() => announce(keys.move?.(-far))),
      ArrowDown: keys.turn && (() => announce(keys.turn?.(1))),
      ArrowUp: keys.turn && (() => announce(keys.turn?.(-1))),
      "+": keys.zoom && (() => keys.zoom?.(0.5)),
      "-": keys.zoom && (() => keys.zoom?.(2)),
      "0": keys.reset,
      x: keys.logX,
      y: keys.logY,
      s: keys.smoothing,
      a: () => setTable(!hasTable),
      e: () => root.current?.querySelector<HTMLElement>("[data-chart-menu]")?.click(),
      f: onFull && (() => onFull(!isFull)),
      "[": onStep && (() => onStep(-1)),
      "]": onStep && (() => onStep(1)),
      Escape: isFull && onFull ? () => onFull(false) : undefined,
    }
    const act = acts[event.key]
    if (!act) return
    event.preventDefault()
    event.stopPropagation()
    act()
  }

  const menu: MenuEntry[] = [
    ...(onFull
      ? [{ label: isFull ? "Leave full screen" : "Full screen", icon: "expand" as const, keys: "f", onSelect: () => onFull(!isFull) }]
      : []),
    { label: "Numbers as a table", icon: "table", keys: "a", onSelect: () => setTable(!hasTable), checked: hasTable },
    "line",
    { heading: "Export" },
    ...(props.png ? [{ label: "Image (PNG)", icon: "image" as const, onSelect: () => void png() }] : []),
    ...(props.svg ? [{ label: "Drawing (SVG)", icon: "download" as const, onSelect: () => svg() }] : []),
    { label: "Numbers drawn (CSV)", icon: "download", onSelect: () => csv(), disabledBecause: !table && "There are none." },
    ...(props.rawCsv ? [{ label: "All points (CSV)", icon: "download" as const, onSelect: () => void raw() }] : []),
    ...(props.actions?.length ? (["line", ...props.actions] as MenuEntry[]) : []),
  ] // prettier-ignore

  return (
    <section
      ref={root}
      className={styles.frame}
      aria-labelledby={id}
      data-chart={title}
      data-full={isFull ? "" : undefined}
      data-state={state}
      data-busy={props.isBusy ? "" : undefined}
      data-series={facts.series}
      data-points={facts.points}
      data-xmin={facts.xmin}
      data-xmax={facts.xmax}
      data-version={facts.version}
      onKeyDown={onKeyDown}
    >
      <header className={styles.head}>
        <h3 id={id} title={title}>
          {title}
        </h3>
        {props.note && <small>{props.note}</small>}
        {props.asOf && (
          <small>
            <AsOf at={props.asOf} />
          </small>
        )}
        <div className={styles.tools}>
          {props.isBusy && <i className={styles.busy} role="status" aria-label="Loading" />}
          {props.tools}
          {isFull && onStep && (
            <>
              <IconButton
                icon="chevronLeft"
                size="s"
                label="Panel before"
                keys="["
                onClick={() => onStep(-1)}
              />
              <IconButton
                icon="chevronRight"
                size="s"
                label="Next panel"
                keys="]"
                onClick={() => onStep(1)}
              />
            </>
          )}
          {isFull && onFull && (
            <IconButton
              icon="close"
              size="s"
              label="Leave full screen"
              keys="Escape"
              onClick={() => onFull(false)}
            />
          )}
          {props.grip}
          <Menu
            align="end"
            trigger={
              <button
                type="button"
                className={styles.more}
                aria-label={`Menu of ${title}`}
                data-chart-menu=""
              >
                <Icon name="more" size={14} />
              </button>
            }
            list={menu}
          />
        </div>
      </header>
      {props.notice && <div className={styles.notice}>{props.notice}</div>}
      <div className={styles.split} data-table={hasTable ? "" : undefined}>
        {/* Roles that take keys are the only ones that readers hand keys to. */}
        <div
          className={styles.plot}
          role="application"
          aria-roledescription="chart"
          aria-label={`${title}. ${keys.move ? "Arrow keys move the cursor, a shows the numbers." : "Press a for the numbers."}`}
          aria-describedby={`${id}-said`}
          tabIndex={0}
          data-plot-keys=""
        >
          {state === "loading" && (
            <div className={styles.waiting}>
              <Late />
            </div>
          )}
          {(state === "empty" || state === "error") && props.absence}
          {(state === "ready" || (state === "loading" && facts.version > 0)) && props.children}
        </div>
        {hasTable && table && (
          <div className={styles.table}>
            <DataTable table={table} caption={`${title}, ${plural(table.rows, "row")}`} />
          </div>
        )}
      </div>
      {props.legend}
      <p id={`${id}-said`} className="visually-hidden" data-sentence="">
        {props.sentence}
      </p>
      <p className="visually-hidden" aria-live="polite" data-announced="">
        {said}
      </p>
    </section>
  )
}
