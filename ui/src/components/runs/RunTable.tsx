import { useCallback, useMemo, useRef, useState, type KeyboardEvent, type MouseEvent } from "react"
import { colourOf } from "../../lib/colours"
import { joined, literal } from "../../lib/filter"
import { plural } from "../../lib/format"
import { density, ROW_HEIGHT, singleKeys } from "../../lib/prefs"
import { useStore, type Store } from "../../lib/store"
import type { View } from "../../lib/view"
import { paths } from "../../paths"
import { Icon } from "../../ui/Icon"
import type { MenuEntry } from "../../ui/Menu"
import { FailedState, Skeleton } from "../../ui/States"
import { DataGrid, type GridColumn, type GridHandle, type GridRow } from "../grid/DataGrid"
import { useGo } from "../Link"
import { GroupCell, RunCell, RunLink } from "./cells"
import {
  AGGREGATES,
  columnFacts,
  metricColumn,
  NAME,
  parsedSort,
  type ColumnFacts,
} from "./columns"
import type { Row, RunRow } from "./rows"
import { added, isChosen, NOTHING, toggled, type Selection } from "./selection"
import styles from "./RunTable.module.css"
import type { RowsState } from "./useRows"

const CELL_PADDING = 26
const MOST_FIT = 520

interface Shown extends GridRow {
  row: Row
}

export interface RunTableProps {
  experiments: readonly string[]
  /** Of the experiments, in their order. */
  names: readonly string[]
  view: View
  change: (patch: Partial<View>) => void
  columns: readonly string[]
  state: RowsState
  /** The rows of pinned runs, and of the base. */
  pinned: readonly RunRow[]
  base: RunRow | undefined
  expanded: ReadonlySet<string>
  onExpand: (id: string, isOpen: boolean) => void
  selection: Selection
  onSelect: (selection: Selection) => void
  onRename: (id: string, name: string) => void
  onTag: () => void
  onDelete: () => void
  empty: React.ReactNode
  /** The run that the pointer is at, here or in a chart. */
  pointed: Store<string | null>
}

/** Runs as a table: what is in 8.1 of the specification, over rows that somebody else fetches. */
export function RunTable(props: RunTableProps) {
  const { view, change, columns, state, selection, onSelect, expanded, onExpand } = props
  const { rows, version } = state
  const go = useGo()
  const grid = useRef<GridHandle>(null)
  const [active, setActive] = useState(0)
  const [anchor, setAnchor] = useState(0)
  const [editing, setEditing] = useState<string | null>(null)
  const rowHeight = ROW_HEIGHT[useStore(density)]
  const hidden = useMemo(() => new Set(view.hidden), [view.hidden])

  const facts = useMemo(
    () => new Map([NAME, ...columns].map((id) => [id, columnFacts(id)])),
    [columns],
  )
  const gridColumns = useMemo(
    () => shownColumns(view, columns, facts, change),
    [view, columns, facts, change],
  )

  const shown = useMemo(() => shownOf(expanded), [expanded])

  if (rows === null) return <Skeleton label="Loading runs" />
  if (rows.total === null) {
    return state.error === null ? (
      <Skeleton label="Loading runs" />
    ) : (
      <FailedState error={state.error} onRetry={state.renew} />
    )
  }
  if (rows.total === 0 && props.pinned.length === 0) return <>{props.empty}</>

  const at = (index: number) => shown(rows.at(index))
  const runAt = (index: number): RunRow | null => {
    const row = rows.at(index)
    return row?.kind === "run" ? row : null
  }
  const experimentOf = (row: RunRow) =>
    String(row.cell("attributes.experiment_id") ?? props.experiments[0] ?? "0")
  const toggleOpen = (index: number, isOpen: boolean) => {
    const row = rows.at(index)
    if (row?.kind === "group") {
      if (row.isOpen !== isOpen && "toggle" in rows) rows.toggle(index)
    } else if (row && row.children > 0) onExpand(row.id, isOpen)
  }
  const selectRange = async (from: number, to: number) => {
    const ids = await rows.ids(Math.min(from, to), Math.max(from, to))
    onSelect(added(NOTHING, ids))
  }
  const chosenOr = (index: number): string[] => {
    const row = runAt(index)
    return selection.ids.size > 0 ? [...selection.ids] : row ? [row.id] : []
  }
  const flip = (list: readonly string[], id: string) =>
    list.includes(id) ? list.filter((one) => one !== id) : [...list, id]

  const onKey = (event: KeyboardEvent, index: number): boolean => {
    const row = rows.at(index)
    const run = row?.kind === "run" ? row : null
    const isCommand = event.ctrlKey || event.metaKey
    if (event.shiftKey && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const to = Math.max(
        0,
        Math.min((rows.total ?? 1) - 1, index + (event.key === "ArrowDown" ? 1 : -1)),
      )
      setActive(to)
      grid.current?.scrollTo(to)
      void selectRange(anchor, to)
      return true
    }
    switch (event.key) {
      case "Enter":
        if (!run) toggleOpen(index, !(row?.kind === "group" && row.isOpen))
        else go(paths.run(experimentOf(run), run.id), { newTab: isCommand })
        return true
      case " ":
        if (run) onSelect(toggled(selection, run.id))
        setAnchor(index)
        return true
      case "ArrowRight":
        toggleOpen(index, true)
        return true
      case "ArrowLeft":
        toggleOpen(index, false)
        return true
      case "F2":
        if (run) setEditing(run.id)
        return true
      case "Delete":
        if (selection.ids.size === 0 && run && !selection.isAll) onSelect(toggled(NOTHING, run.id))
        props.onDelete()
        return true
      case "Escape":
        if (!selection.isAll && selection.ids.size === 0) return false
        onSelect(NOTHING)
        return true
    }
    if (isCommand && event.key.toLowerCase() === "a") {
      onSelect({ ids: new Set(), isAll: true })
      return true
    }
    if (isCommand || event.altKey || !singleKeys.get()) return false
    switch (event.key) {
      case "c": {
        const ids = chosenOr(index)
        if (ids.length > 0) go(paths.compare(ids, { experiments: [...props.experiments] }))
        return true
      }
      case "p":
        if (run) change({ pinned: flip(view.pinned, run.id) })
        return true
      case "b":
        if (run) change({ base: view.base === run.id ? null : run.id })
        return true
      case "v":
        if (run) change({ hidden: flip(view.hidden, run.id) })
        return true
      case "t":
        if (selection.ids.size === 0 && run && !selection.isAll) onSelect(toggled(NOTHING, run.id))
        props.onTag()
        return true
      case "d":
        change({ differing: !view.differing })
        return true
    }
    return false
  }

  const nameCell = (shownRow: Shown, index: number) => {
    const { row } = shownRow
    if (row.kind === "group") {
      const title = row.values.map(
        ({ column, value }) => `${columnFacts(column).label} = ${value ?? "–"}`,
      )
      return (
        <div className={styles.name}>
          <Chevron isOpen={row.isOpen} onToggle={() => toggleOpen(index, !row.isOpen)} />
          <span title={title.join(", ")}>{title.join(", ")}</span>
          <small>{plural(row.runs, "run")}</small>
        </div>
      )
    }
    const name = String(row.cell(NAME) ?? row.id)
    const isOpen = expanded.has(row.id)
    return (
      <div
        className={`${styles.name} ${hidden.has(row.id) ? styles.hidden : ""}`}
        style={{ paddingInlineStart: row.depth * 16 }}
      >
        <input
          type="checkbox"
          className={styles.check}
          tabIndex={-1}
          aria-label={`Select ${name}`}
          checked={isChosen(selection, row.id)}
          readOnly
          onClick={(event) => {
            event.stopPropagation()
            if (event.shiftKey) void selectRange(anchor, index)
            else {
              setAnchor(index)
              onSelect(toggled(selection, row.id))
            }
          }}
        />
        <button
          type="button"
          className={styles.eye}
          tabIndex={-1}
          aria-label={hidden.has(row.id) ? `Show ${name} in charts` : `Hide ${name} from charts`}
          onClick={(event) => {
            event.stopPropagation()
            change({ hidden: flip(view.hidden, row.id) })
          }}
        >
          <i className={styles.swatch} style={{ background: colourOf(row.id) }} />
        </button>
        {row.children > 0 && <Chevron isOpen={isOpen} onToggle={() => onExpand(row.id, !isOpen)} />}
        {editing === row.id ? (
          <NameField
            name={name}
            onDone={(next) => {
              setEditing(null)
              grid.current?.focus()
              if (next !== null && next !== name) props.onRename(row.id, next)
            }}
          />
        ) : (
          <RunLink experiment={experimentOf(row)} id={row.id} name={name} />
        )}
        {row.children > 0 && !isOpen && row.descendants > 0 && <small>{row.descendants}</small>}
        {view.base === row.id && <small>base</small>}
      </div>
    )
  }
  const cell = (shownRow: Shown, column: GridColumn, index: number) => {
    if (column.id === NAME) return nameCell(shownRow, index)
    const of = facts.get(column.id)
    if (!of) return null
    const { row } = shownRow
    if (row.kind === "group") return <GroupCell row={row} column={of} />
    if (column.id === "attributes.experiment_id") {
      const id = experimentOf(row)
      const name = props.names[props.experiments.indexOf(id)] ?? id
      return <span title={name}>{name}</span>
    }
    const base = props.base && props.base.id !== row.id ? props.base.cell(column.id) : undefined
    return (
      <RunCell row={row} column={of} base={base} isMaximized={view.maximize.includes(of.key)} />
    )
  }

  return (
    <DataGrid<Shown>
      ref={grid}
      label="Runs"
      count={rows.total}
      row={at}
      pinned={props.pinned.map((row) => ({ id: row.id, row, depth: 0 }))}
      columns={gridColumns}
      cell={cell}
      rowHeight={rowHeight}
      active={Math.min(active, Math.max(0, rows.total - 1))}
      onActive={setActive}
      isSelected={(row) => row.row.kind === "run" && isChosen(selection, row.id)}
      onSight={state.onSight}
      onSort={(column, isAdded) => change({ sort: sorted(view.sort, column, isAdded) })}
      onResize={(column, width) => {
        change({ widths: { ...view.widths, [column]: width ?? fitted(rows, column, facts) } })
      }}
      onReorder={(column, before) => change({ columns: moved(columns, column, before) })}
      onRowClick={(row, index, event: MouseEvent) => {
        if (row.row.kind !== "run") return
        if (event.shiftKey) void selectRange(anchor, index)
        else {
          setAnchor(index)
          if (event.ctrlKey || event.metaKey) onSelect(toggled(selection, row.id))
          else if (event.detail === 2) setEditing(row.id)
        }
      }}
      onKey={onKey}
      exact={({ row }, column) => {
        const held = row.kind === "run" ? row.cell(column ?? NAME) : null
        return held === undefined || held === null || typeof held === "object" ? null : String(held)
      }}
      pointed={props.pointed}
      isBusy={state.isBusy}
      state={state.error === null ? "ready" : "error"}
      version={[version, selection, view, editing, props.base, expanded].map(identity).join()}
    />
  )
}

/** Rows as the grid takes them, each once, so that it knows those that it has drawn. */
function shownOf(expanded: ReadonlySet<string>): (row: Row | undefined) => Shown | undefined {
  const cache = new Map<Row, Shown>()
  const make = (row: Row): Shown =>
    row.kind === "group"
      ? { id: row.id, row, isGroup: true, isOpen: row.isOpen }
      : {
          id: row.id,
          row,
          depth: row.depth,
          isDim: !row.matches,
          isOpen: row.children > 0 ? expanded.has(row.id) : undefined,
        }
  return (row) => {
    if (row === undefined) return undefined
    const held = cache.get(row) ?? make(row)
    cache.set(row, held)
    return held
  }
}

const identities = new WeakMap<object, number>()
let last = 0

/** A number for a value: the same for the same. */
function identity(value: unknown): number | string {
  if (typeof value !== "object" || value === null) return String(value)
  const held = identities.get(value)
  if (held !== undefined) return held
  identities.set(value, ++last)
  return last
}

function Chevron({ isOpen, onToggle }: { isOpen: boolean; onToggle: () => void }) {
  return (
    <button
      type="button"
      className={styles.open}
      tabIndex={-1}
      aria-label={isOpen ? "Close" : "Open"}
      onClick={(event) => {
        event.stopPropagation()
        onToggle()
      }}
    >
      <Icon name={isOpen ? "chevronDown" : "chevronRight"} size={12} />
    </button>
  )
}

function NameField({ name, onDone }: { name: string; onDone: (next: string | null) => void }) {
  const [text, setText] = useState(name)
  const focus = useCallback((field: HTMLInputElement | null) => field?.select(), [])
  return (
    <input
      ref={focus}
      className={styles.input}
      aria-label="Name"
      value={text}
      onChange={(event) => setText(event.target.value)}
      onBlur={() => onDone(text.trim() || null)}
      onClick={(event) => event.stopPropagation()}
      onKeyDown={(event) => {
        event.stopPropagation()
        if (event.key === "Enter") onDone(text.trim() || null)
        if (event.key === "Escape") onDone(null)
      }}
    />
  )
}

function shownColumns(
  view: View,
  columns: readonly string[],
  facts: ReadonlyMap<string, ColumnFacts>,
  change: (patch: Partial<View>) => void,
): GridColumn[] {
  const sorts = view.sort.map(parsedSort)
  const made = [NAME, ...columns].map((id): GridColumn => {
    const of = facts.get(id) ?? columnFacts(id)
    const place = sorts.findIndex(({ column }) => column === id)
    const column: GridColumn = {
      id,
      label: of.label,
      title: of.kind === "attributes" ? of.label : id,
      width: view.widths[id] ?? (id === NAME ? Math.min(of.width, innerWidth * 0.5) : of.width),
      isFixed: id === NAME || view.fixed.includes(id),
      isSortable: of.kind !== "datasets" && of.kind !== "models",
      menu: columnMenu(id, of, view, columns, change),
    }
    if (of.isNumber) column.align = "end"
    const sort = sorts[place]
    if (sort) {
      column.sort = { isDescending: sort.isDescending, place: sorts.length > 1 ? place + 1 : 0 }
    }
    return column
  })
  return [...made.filter(({ isFixed }) => isFixed), ...made.filter(({ isFixed }) => !isFixed)]
}

function columnMenu(
  id: string,
  of: ColumnFacts,
  view: View,
  columns: readonly string[],
  change: (patch: Partial<View>) => void,
): MenuEntry[] {
  const entries: MenuEntry[] = []
  if (of.kind !== "datasets" && of.kind !== "models") {
    entries.push(
      { label: "Sort ascending", icon: "sortUp", onSelect: () => change({ sort: [`${id} ASC`] }) },
      {
        label: "Sort descending",
        icon: "sortDown",
        onSelect: () => change({ sort: [`${id} DESC`] }),
      },
    )
  }
  if (id === NAME) return entries
  if (of.kind !== "note") {
    const isGrouped = view.group.includes(id)
    const comparison = of.isNumber ? `${id} <= 0` : `${id} = ${literal("")}`
    entries.push({
      label: "Filter by this",
      icon: "filter",
      onSelect: () => change({ q: joined(view.q, comparison) }),
    })
    if (of.kind !== "metrics") {
      entries.push({
        label: isGrouped ? "Do not group by this" : "Group by this",
        icon: "group",
        disabledBecause: !isGrouped && view.group.length >= 4 && "There are four keys at most.",
        onSelect: () =>
          change({
            group: isGrouped ? view.group.filter((one) => one !== id) : [...view.group, id],
          }),
      })
    }
  }
  const isFixed = view.fixed.includes(id)
  entries.push(
    "line",
    {
      label: isFixed ? "Let it scroll" : "Pin left",
      icon: "pin",
      onSelect: () =>
        change({ fixed: isFixed ? view.fixed.filter((one) => one !== id) : [...view.fixed, id] }),
    },
    {
      label: "Move left",
      icon: "chevronLeft",
      onSelect: () => change({ columns: shifted(columns, id, -1) }),
    },
    {
      label: "Move right",
      icon: "chevronRight",
      onSelect: () => change({ columns: shifted(columns, id, 1) }),
    },
    {
      label: "Hide",
      icon: "eyeOff",
      onSelect: () => change({ columns: columns.filter((one) => one !== id) }),
    },
  )
  if (of.kind === "metrics") {
    const isMaximized = view.maximize.includes(of.key)
    entries.push(
      "line",
      {
        label: "Higher is better",
        checked: isMaximized,
        onSelect: () =>
          change({
            maximize: isMaximized
              ? view.maximize.filter((one) => one !== of.key)
              : [...view.maximize, of.key],
          }),
      },
      { heading: "Show its" },
      ...AGGREGATES.map((aggregate) => ({
        label: aggregate.replaceAll("_", " "),
        checked: (of.aggregate ?? "last") === aggregate,
        onSelect: () =>
          change({
            columns: columns.map((one) => (one === id ? metricColumn(of.key, aggregate) : one)),
          }),
      })),
    )
  }
  return entries
}

/** Not sorted, ascending, descending, and round again; *isAdded* leaves the other keys. */
function sorted(sort: readonly string[], column: string, isAdded: boolean): string[] {
  const held = sort.find((one) => parsedSort(one).column === column)
  const next = !held ? `${column} ASC` : parsedSort(held).isDescending ? null : `${column} DESC`
  if (!isAdded) return next === null ? [] : [next]
  if (!held) return [...sort, `${column} ASC`]
  return sort.flatMap((one) => (one !== held ? [one] : next === null ? [] : [next]))
}

function moved(columns: readonly string[], column: string, before: string | null): string[] {
  const rest = columns.filter((one) => one !== column)
  const at = before === null ? rest.length : rest.indexOf(before)
  return at < 0 ? [column, ...rest] : [...rest.slice(0, at), column, ...rest.slice(at)]
}

function shifted(columns: readonly string[], column: string, by: number): string[] {
  const at = columns.indexOf(column)
  const to = at + by
  if (at < 0 || to < 0 || to >= columns.length) return [...columns]
  const next = [...columns]
  next.splice(at, 1)
  next.splice(to, 0, column)
  return next
}

/** The width that the rows which are known need. */
function fitted(
  rows: NonNullable<RowsState["rows"]>,
  column: string,
  facts: ReadonlyMap<string, ColumnFacts>,
): number {
  const pen = document.createElement("canvas").getContext("2d")
  if (!pen) return 140
  pen.font = `13px ${getComputedStyle(document.body).fontFamily}`
  let widest = pen.measureText(facts.get(column)?.label ?? "").width + 40
  for (let index = 0; index < Math.min(rows.total ?? 0, 500); index++) {
    const row = rows.at(index)
    const text = row?.kind === "run" ? String(row.cell(column) ?? "") : ""
    widest = Math.max(widest, pen.measureText(text).width + (column === NAME ? 90 : 0))
  }
  return Math.min(MOST_FIT, Math.ceil(widest + CELL_PADDING))
}
