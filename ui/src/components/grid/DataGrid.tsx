import { defaultRangeExtractor, useVirtualizer, type Range } from "@tanstack/react-virtual"
import {
  memo,
  useCallback,
  useEffect,
  useId,
  useImperativeHandle,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
  type ClipboardEvent,
  type CSSProperties,
  type DragEvent,
  type KeyboardEvent,
  type MouseEvent,
  type PointerEvent,
  type ReactNode,
  type Ref,
} from "react"
import { singleKeys } from "../../lib/prefs"
import { store, type Store } from "../../lib/store"
import { Icon } from "../../ui/Icon"
import { Menu, type MenuEntry } from "../../ui/Menu"
import styles from "./DataGrid.module.css"
import { useKeptScroll } from "./useKeptScroll"

export interface GridColumn {
  id: string
  label: string
  /** The whole name, where the label is a part of it. */
  title?: string
  width: number
  /** Stays when the others scroll; fixed ones come first. */
  isFixed?: boolean
  align?: "end"
  sort?: { isDescending: boolean; place: number } | undefined
  isSortable?: boolean
  menu?: readonly MenuEntry[]
}

/** What the grid knows of a row; everything else is for `cell` to draw. */
export interface GridRow {
  id: string
  depth?: number
  isDim?: boolean
  isGroup?: boolean
  isOpen?: boolean | undefined
}

export interface GridHandle {
  focus(): void
  scrollTo(index: number): void
}

export interface DataGridProps<R extends GridRow> {
  label: string
  count: number
  row: (index: number) => R | undefined
  /** Rows that stay on top. */
  pinned?: readonly R[]
  columns: readonly GridColumn[]
  cell: (row: R, column: GridColumn, index: number) => ReactNode
  rowHeight: number
  active: number
  onActive: (index: number) => void
  isSelected: (row: R) => boolean
  /** Rows that came into sight. */
  onSight: (from: number, to: number) => void
  onSort?: (column: string, isAdded: boolean) => void
  onResize?: (column: string, width: number | null) => void
  /** *column* was dropped before another; null: at the end. */
  onReorder?: (column: string, before: string | null) => void
  onRowClick?: (row: R, index: number, event: MouseEvent) => void
  /** True when the key meant something. */
  onKey?: (event: KeyboardEvent, index: number) => boolean
  /** What stands in a cell, exactly; of a row, what it is called. */
  exact?: (row: R, column: string | null) => string | null
  /** The id of the row that stands out because the pointer is at it, here or elsewhere. */
  pointed?: Store<string | null>
  isBusy?: boolean
  state: "loading" | "ready" | "error"
  ref?: Ref<GridHandle>
  /** Something that redraws all rows when it changes. */
  version: unknown
}

const OVERSCAN = 8
const LEAST_WIDTH = 56

/** A table of any length: rows and columns exist while they are in sight. */
export function DataGrid<R extends GridRow>(props: DataGridProps<R>) {
  const { columns, count, rowHeight, active, onActive, onSight, pinned = [] } = props
  const id = useId()
  const scroller = useRef<HTMLDivElement>(null)
  const fixed = columns.filter(({ isFixed }) => isFixed)
  const loose = columns.filter(({ isFixed }) => !isFixed)
  const fixedWidth = fixed.reduce((sum, { width }) => sum + width, 0)
  const topHeight = rowHeight * (1 + pinned.length)

  const rows = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: OVERSCAN,
    scrollPaddingStart: topHeight,
    rangeExtractor: useCallback(
      (range: Range) => {
        // The active row stays, so that it can be named while it has the focus.
        const list = defaultRangeExtractor(range)
        return list.includes(active) || active < 0 || active >= range.count
          ? list
          : [...list, active].sort((a, b) => a - b)
      },
      [active],
    ),
  })
  const across = useVirtualizer({
    horizontal: true,
    count: loose.length,
    getScrollElement: () => scroller.current,
    estimateSize: (at) => loose[at]?.width ?? 100,
    scrollPaddingStart: fixedWidth,
    overscan: 2,
  })
  const widths = loose.map(({ width }) => width).join()
  useEffect(() => across.measure(), [across, widths])
  useEffect(() => rows.measure(), [rows, rowHeight])
  useKeptScroll(scroller, props.label, rows.getTotalSize())

  const shownRows = rows.getVirtualItems()
  const [firstRow, lastRow] = [rows.range?.startIndex ?? 0, rows.range?.endIndex ?? 0]
  useEffect(() => onSight(firstRow, lastRow), [firstRow, lastRow, onSight])

  useImperativeHandle(
    props.ref,
    () => ({
      focus: () => scroller.current?.focus(),
      scrollTo: (index) => rows.scrollToIndex(index, { align: "auto" }),
    }),
    [rows],
  )

  const parts = across.getVirtualItems()
  const before = parts[0]?.start ?? 0
  const shown = useMemo(
    () => [...fixed, ...parts.map(({ index }) => loose[index]).filter((one) => one !== undefined)],
    // The same list while the same columns are in sight, so that rows need not be drawn anew.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [columns, parts[0]?.index, parts.at(-1)?.index],
  )
  const width = fixedWidth + across.getTotalSize()
  const offsets = new Map<string, number>()
  let left = 0
  for (const column of fixed) {
    offsets.set(column.id, left)
    left += column.width
  }
  const lastFixed = fixed.at(-1)?.id

  const move = (to: number) => {
    const index = Math.max(0, Math.min(count - 1, to))
    onActive(index)
    rows.scrollToIndex(index, { align: "auto" })
  }
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (event.target !== event.currentTarget) return
    if (props.onKey?.(event, active)) {
      event.preventDefault()
      event.stopPropagation()
      return
    }
    const page = Math.max(
      1,
      Math.floor(((scroller.current?.clientHeight ?? 400) - topHeight) / rowHeight) - 1,
    )
    const letters = singleKeys.get() && !event.ctrlKey && !event.metaKey && !event.altKey
    const steps: Record<string, number> = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      PageDown: active + page,
      PageUp: active - page,
      Home: 0,
      End: count - 1,
      ...(letters ? { j: active + 1, k: active - 1 } : {}),
    }
    const to = steps[event.key]
    if (to === undefined) return
    event.preventDefault()
    event.stopPropagation()
    move(to)
  }

  const placed = (column: GridColumn): CSSProperties => {
    const at = offsets.get(column.id)
    return at === undefined ? { width: column.width } : { width: column.width, left: at }
  }
  const cellClass = (column: GridColumn, own: string | undefined) =>
    [own, column.isFixed && styles.fixed, column.id === lastFixed && styles.lastFixed]
      .filter(Boolean)
      .join(" ")
  const isThere = props.row(active) !== undefined
  /** With a whole cell selected what it holds, with nothing selected the name of the active row. */
  const onCopy = (event: ClipboardEvent) => {
    if (!props.exact || event.target instanceof HTMLInputElement) return
    const selection = getSelection()
    const [row, column] =
      selection === null || selection.isCollapsed ? [active, null] : wholeCell(selection)
    const held = row === null ? undefined : props.row(row)
    const text = held && props.exact(held, column)
    if (text === null || text === undefined) return
    event.clipboardData.setData("text/plain", text)
    event.preventDefault()
  }

  return (
    <div
      ref={scroller}
      className={styles.grid}
      style={{ "--row": `${rowHeight}px` } as CSSProperties}
      role="treegrid"
      tabIndex={0}
      aria-label={props.label}
      aria-rowcount={count + 1}
      aria-colcount={columns.length}
      aria-multiselectable="true"
      aria-busy={props.isBusy}
      aria-activedescendant={isThere ? `${id}-${active}` : undefined}
      data-state={props.state}
      data-testid="grid"
      onKeyDown={onKeyDown}
      onCopy={onCopy}
      onPointerLeave={() => props.pointed?.set(null)}
    >
      <div className={styles.top} style={{ width }} role="presentation">
        <div className={`${styles.line} ${styles.head}`} role="row" aria-rowindex={1}>
          {shown.map((column, at) => (
            <Spaced key={column.id} at={at === fixed.length ? before : 0}>
              <HeadCell
                column={column}
                index={columns.indexOf(column)}
                className={cellClass(column, styles.headCell)}
                style={placed(column)}
                {...props}
              />
            </Spaced>
          ))}
          {props.isBusy && <div className={styles.progress} />}
        </div>
        {pinned.map((row) => (
          <GridLine
            key={row.id}
            row={row}
            index={-1}
            className={`${styles.row} ${styles.pinned}`}
            isActive={false}
            {...{
              shown,
              before,
              cellClass,
              placed,
              width,
              props,
              id: `${id}-pinned`,
              fixed: fixed.length,
            }}
          />
        ))}
      </div>
      <div
        className={styles.body}
        style={{ height: rows.getTotalSize(), width }}
        role="presentation"
      >
        {shownRows.map(({ index, start }) => (
          <GridLine
            key={index}
            row={props.row(index)}
            index={index}
            start={start}
            className={styles.row ?? ""}
            isActive={index === active}
            {...{ shown, before, cellClass, placed, width, props, id, fixed: fixed.length }}
          />
        ))}
      </div>
    </div>
  )
}

/** The row and the column of the cell whose text is selected from end to end. */
function wholeCell(selection: Selection): [row: number, column: string] | [null, null] {
  const cellOf = (node: Node | null) =>
    (node instanceof Element ? node : node?.parentElement)?.closest<HTMLElement>("[data-column]")
  const cell = cellOf(selection.anchorNode)
  const row = cell?.closest("[data-row]")?.ariaRowIndex
  const isWhole =
    cell?.textContent.trim() === selection.toString().trim() && cellOf(selection.focusNode) === cell
  return cell && row && isWhole ? [Number(row) - 2, cell.dataset.column ?? ""] : [null, null]
}

/** Room where columns are that are out of sight. */
function Spaced({ at, children }: { at: number; children: ReactNode }) {
  return (
    <>
      {at > 0 && <div style={{ width: at, flex: "none" }} role="presentation" />}
      {children}
    </>
  )
}

interface LineProps<R extends GridRow> {
  row: R | undefined
  index: number
  start?: number
  className: string
  isActive: boolean
  shown: readonly GridColumn[]
  /** The width of loose columns before the first in sight. */
  before: number
  fixed: number
  width: number
  id: string
  props: DataGridProps<R>
  cellClass: (column: GridColumn, own: string | undefined) => string
  placed: (column: GridColumn) => CSSProperties
}

const NOBODY = store<string | null>(null)

/** Of all rows, only the two draw anew that the pointer left and came to. */
function useIsPointed(pointed: Store<string | null> = NOBODY, id: string | undefined): boolean {
  return useSyncExternalStore(pointed.subscribe, () => id !== undefined && pointed.get() === id)
}

function Line<R extends GridRow>({
  row,
  index,
  start,
  className,
  isActive,
  ...rest
}: LineProps<R>) {
  const { shown, before, fixed, width, id, props, cellClass, placed } = rest
  const isPointed = useIsPointed(props.pointed, row?.id)
  const style: CSSProperties = { width }
  if (start !== undefined) style.transform = `translateY(${start}px)`
  return (
    <div
      id={`${id}-${index}`}
      className={className}
      style={style}
      role="row"
      aria-rowindex={index + 2}
      aria-level={row ? (row.depth ?? 0) + 1 : undefined}
      aria-expanded={row?.isOpen}
      aria-selected={row ? props.isSelected(row) : undefined}
      data-active={isActive ? "" : undefined}
      data-dim={row?.isDim ? "" : undefined}
      data-group={row?.isGroup ? "" : undefined}
      data-row={row?.id}
      data-pointed={isPointed ? "" : undefined}
      onPointerEnter={() => row && props.pointed?.set(row.id)}
      onClick={(event) => {
        if (!row) return
        props.onActive(index)
        props.onRowClick?.(row, index, event)
      }}
    >
      {shown.map((column, at) => (
        <Spaced key={column.id} at={at === fixed ? before : 0}>
          <div
            className={cellClass(column, styles.cell)}
            style={placed(column)}
            role="gridcell"
            data-align={column.align}
            data-column={column.id}
          >
            {row ? (
              props.cell(row, column, index)
            ) : (
              <i className={styles.bone} style={{ width: `${40 + ((index * 7) % 40)}%` }} />
            )}
          </div>
        </Spaced>
      ))}
    </div>
  )
}

const GridLine = memo(Line, (a, b) =>
  a.row === b.row &&
  a.index === b.index &&
  a.start === b.start &&
  a.isActive === b.isActive &&
  a.shown === b.shown &&
  a.before === b.before &&
  a.width === b.width &&
  a.props.version === b.props.version &&
  a.props.columns === b.props.columns,
) as typeof Line // prettier-ignore

function HeadCell<R extends GridRow>({
  column,
  index,
  className,
  style,
  columns,
  onSort,
  onResize,
  onReorder,
}: DataGridProps<R> & {
  column: GridColumn
  index: number
  className: string
  style: CSSProperties
}) {
  const { id, label, title, sort, menu } = column
  const [isOver, setOver] = useState(false)
  const drag = {
    draggable: onReorder !== undefined && !column.isFixed,
    onDragStart: (event: DragEvent) => {
      event.dataTransfer.setData("text/x-millrace-column", id)
      event.dataTransfer.effectAllowed = "move"
    },
    onDragOver: (event: DragEvent) => {
      if (!event.dataTransfer.types.includes("text/x-millrace-column") || column.isFixed) return
      event.preventDefault()
      setOver(true)
    },
    onDragLeave: () => setOver(false),
    onDrop: (event: DragEvent) => {
      setOver(false)
      const moved = event.dataTransfer.getData("text/x-millrace-column")
      if (moved && moved !== id) {
        event.preventDefault()
        onReorder?.(moved, id)
      }
    },
  }
  const text = (
    <>
      <span>{label}</span>
      {sort && <Icon name={sort.isDescending ? "sortDown" : "sortUp"} size={12} />}
      {sort && sort.place > 0 && <small>{sort.place}</small>}
    </>
  )
  return (
    <div
      className={className}
      style={style}
      role="columnheader"
      aria-colindex={index + 1}
      aria-sort={sort ? (sort.isDescending ? "descending" : "ascending") : undefined}
      data-align={column.align}
      data-over={isOver ? "before" : undefined}
      title={title ?? label}
      {...drag}
    >
      {onSort && column.isSortable !== false ? (
        <button
          type="button"
          className={styles.label}
          onClick={(event) => onSort(id, event.shiftKey)}
        >
          {text}
        </button>
      ) : (
        <span className={styles.label}>{text}</span>
      )}
      {menu && (
        <Menu
          align="end"
          list={menu}
          trigger={
            <button type="button" className={styles.menu} aria-label={`${label}: column menu`}>
              <Icon name="chevronDown" size={12} />
            </button>
          }
        />
      )}
      {onResize && columns.length > 1 && (
        <Edge width={column.width} onResize={(to) => onResize(id, to)} />
      )}
    </div>
  )
}

/** The right edge of a column: dragged, its width; twice pressed, the width of what is in it. */
function Edge({ width, onResize }: { width: number; onResize: (width: number | null) => void }) {
  const start = useRef<{ x: number; width: number } | null>(null)
  const [isDragging, setDragging] = useState(false)
  const onPointerMove = (event: PointerEvent) => {
    if (start.current === null) return
    onResize(Math.max(LEAST_WIDTH, start.current.width + event.clientX - start.current.x))
  }
  const stop = () => {
    start.current = null
    setDragging(false)
  }
  return (
    <span
      className={styles.edge}
      aria-hidden="true"
      data-testid="column-edge"
      data-dragging={isDragging ? "" : undefined}
      onPointerDown={(event) => {
        event.preventDefault()
        event.currentTarget.setPointerCapture(event.pointerId)
        start.current = { x: event.clientX, width }
        setDragging(true)
      }}
      onPointerMove={onPointerMove}
      onPointerUp={stop}
      onPointerCancel={stop}
      onDoubleClick={() => onResize(null)}
    />
  )
}
