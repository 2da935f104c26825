import { useQuery } from "@tanstack/react-query"
import { useEffect, useMemo, useRef, useState } from "react"
import { Bars, Boxes } from "../../charts/Bars"
import type { CanvasHandle } from "../../charts/Canvas"
import { ChartFrame, type ChartState } from "../../charts/ChartFrame"
import {
  correlations,
  ofCategories,
  ofDots,
  ofPairs,
  ofRuns,
  type Category,
} from "../../charts/columns"
import { placed, rangeOf, type Dot } from "../../charts/dots"
import { Heat } from "../../charts/Heat"
import { Parallel } from "../../charts/Parallel"
import { axisOf, brushed, filterOf, numeric, type Brush } from "../../charts/parallel"
import { Scatter } from "../../charts/Scatter"
import { spreadOf, trendOf } from "../../charts/stats"
import { spoken } from "../../charts/table"
import { strokeOf } from "../../lib/colours"
import { count, plural, value } from "../../lib/format"
import { Button } from "../../ui/Button"
import type { MenuEntry } from "../../ui/Menu"
import { EmptyState, FailedState } from "../../ui/States"
import type { PanelProps } from "./LinePanel"
import { columnsQuery, keyOf, MOST_ROWS, type ColumnValue, type PanelRun } from "./scope"

interface ColumnPanelProps extends PanelProps {
  onFilter?: ((text: string) => void) | undefined
  onSelect?: ((runs: readonly string[]) => void) | undefined
}

interface Row {
  run: PanelRun
  /** In the order of the panel's columns. */
  cells: ColumnValue[]
}

const CATEGORIES = 24

/** What each kind needs, in words, until it has it. */
const NEEDS: Record<string, string> = {
  bar: "Choose one column to draw as bars.",
  scatter: "Choose two columns, and a third for the colour if you like.",
  contour: "Choose two columns, and a third for the height.",
  parallel: "Choose two columns or more.",
  box: "Choose a column of numbers, and one of categories.",
  heat: "Choose two columns or more.",
}
const LEAST: Record<string, number> = {
  bar: 1,
  scatter: 2,
  contour: 3,
  parallel: 2,
  box: 2,
  heat: 2,
}

/** Charts of columns of the table of runs: a run is a dot, a bar, a line through axes. */
export default function ColumnPanel(props: ColumnPanelProps) {
  const { panel, scope, settings, bus, base } = props
  const { kind, keys } = panel
  const [version, setVersion] = useState(0)
  const [hovered, setHovered] = useState<string | null>(null)
  const [cursor, setCursor] = useState(-1)
  const [brushes, setBrushes] = useState<Readonly<Record<string, Brush>>>({})
  const [chosen, setChosen] = useState<readonly string[]>([])
  const [flipped, setFlipped] = useState<readonly string[]>([])
  const [order, setOrder] = useState<readonly string[]>([])
  const [colourBy, setColourBy] = useState<string | null>(null)
  const handle = useRef<CanvasHandle>(null)
  const found = useQuery(columnsQuery(scope, keys))

  useEffect(() => bus.subscribe((now) => setHovered(now?.run ?? null)), [bus])
  const hover = (id: string | null) => {
    bus.move(id === null ? null : { axis: "", x: 0, run: id, source: panel.id })
  }

  const { hidden } = scope
  const rows = useMemo<Row[]>(() => {
    const { data } = found
    const isHidden = new Set(hidden)
    return (data?.runs ?? []).flatMap((run, at) =>
      isHidden.has(run.id)
        ? []
        : [{ run, cells: keys.map((key) => data?.values[key]?.[at] ?? null) }],
    )
  }, [found, keys, hidden])

  const names = useMemo(() => keys.map(keyOf), [keys])
  const numbers = useMemo(
    () => keys.map((_, column) => rows.map(({ cells }) => numeric(cells[column] ?? null))),
    [keys, rows],
  )
  const dots = useMemo<Dot[]>(
    () =>
      rows.map(({ run }, at) => ({
        id: run.id,
        label: run.name,
        stroke: strokeOf(run.id),
        x: numbers[0]?.[at] ?? Number.NaN,
        y: numbers[1]?.[at] ?? Number.NaN,
        z: numbers[2]?.[at] ?? Number.NaN,
      })),
    [rows, numbers],
  )
  const bars = useMemo(
    () =>
      dots
        .filter(({ x }) => Number.isFinite(x))
        .map((dot) => ({ ...dot, y: dot.x }))
        .sort((a, b) => b.y - a.y),
    [dots],
  )
  const categories = useMemo(() => categoriesOf(rows, numbers[0] ?? []), [rows, numbers])
  const places = useMemo(
    () => placed(dots, { x: settings.logX, y: settings.logY }),
    [dots, settings.logX, settings.logY],
  )
  const heat = useMemo(() => correlations(kind === "heat" ? numbers : []), [kind, numbers])
  const axes = useMemo(() => {
    const place = (column: string) => {
      const at = order.indexOf(column)
      return at < 0 ? keys.indexOf(column) : at
    }
    return keys
      .map((column, at) =>
        axisOf(
          column,
          names[at] ?? column,
          rows.map(({ cells }) => cells[at] ?? null),
          {
            isLog: settings.logX && rangeOf(numbers[at] ?? [])[0] > 0,
            isFlipped: flipped.includes(column),
          },
        ),
      )
      .sort((a, b) => place(a.column) - place(b.column))
  }, [keys, names, rows, numbers, order, flipped, settings.logX])
  const strokes = useMemo(() => rows.map(({ run }) => strokeOf(run.id)), [rows])
  const inside = useMemo(
    () => (kind === "parallel" ? brushed(axes, brushes, rows.length).filter(Boolean).length : 0),
    [kind, axes, brushes, rows.length],
  )

  const told = useMemo(() => {
    switch (kind) {
      case "bar":
        return ofDots(bars, names.slice(0, 1), ({ x }) => [x])
      case "scatter":
      case "contour":
        return ofDots(places, names.slice(0, 3), ({ x, y, z = Number.NaN }) =>
          names.length > 2 ? [x, y, z] : [x, y],
        )
      case "box":
        return ofCategories(categories, names[1] ?? "")
      case "heat":
        return ofPairs(heat, names)
      default:
        return ofRuns(rows, names)
    }
  }, [kind, bars, places, categories, heat, rows, names])

  const placedRuns = told.runs.length > 0 ? told.runs.length : rows.length
  const isShort = keys.length < (LEAST[kind] ?? 1)
  const state: ChartState = found.isLoadingError
    ? "error"
    : isShort || (found.isSuccess && rows.length === 0)
      ? "empty"
      : found.isPending
        ? "loading"
        : "ready"

  const drawn = () => setVersion((before) => before + 1)
  const shared = {
    hovered,
    onHover: hover,
    onDrawn: drawn,
    onReady: (made: CanvasHandle | null) => {
      handle.current = made
    },
  }

  const hasBrush = Object.keys(brushes).length > 0
  const filter = hasBrush ? filterOf(axes, brushes) : ""
  const move = (by: number): string | null => {
    const last = told.table.rows - 1
    if (last < 0) return null
    const next = cursor < 0 ? (by > 0 ? 0 : last) : cursor + by
    const at = Math.max(0, Math.min(last, next))
    setCursor(at)
    hover(told.runs[at] ?? null)
    return spoken(told.table, at)
  }
  /** To the row of the map above or below. */
  const turn = (by: number) => {
    const to = Math.max(cursor, 0) + by * names.length
    return move(to < 0 || to >= told.table.rows ? 0 : by * names.length)
  }

  const total = found.data?.total ?? 0
  const notice = hasBrush ? (
    <>
      <span data-inside={inside}>
        {count(inside)} of {plural(rows.length, "run")} inside
      </span>
      {props.onFilter && (
        <Button size="s" icon="filter" onClick={() => props.onFilter?.(filter)}>
          Apply as filter
        </Button>
      )}
      <Button size="s" variant="quiet" onClick={() => setBrushes({})}>
        Clear
      </Button>
    </>
  ) : chosen.length > 0 ? (
    <>
      <span data-chosen={chosen.join(",")}>{plural(chosen.length, "run")} inside the lasso</span>
      {props.onSelect && (
        <Button size="s" onClick={() => props.onSelect?.(chosen)}>
          Select them
        </Button>
      )}
      <Button size="s" variant="quiet" onClick={() => setChosen([])}>
        Clear
      </Button>
    </>
  ) : (
    total > MOST_ROWS && `The first ${count(MOST_ROWS)} of ${plural(total, "run")} are drawn.`
  )

  const menu: MenuEntry[] = [
    ...(kind === "scatter" || kind === "contour" || kind === "parallel"
      ? [
          { label: kind === "parallel" ? "Log axes" : "Log x", checked: settings.logX, onSelect: () => props.onSettings({ logX: !settings.logX }) },
        ]
      : []),
    ...(kind === "scatter" || kind === "contour"
      ? [{ label: "Log y", checked: settings.logY, onSelect: () => props.onSettings({ logY: !settings.logY }) }]
      : []),
    ...(kind === "parallel"
      ? ([
          "line",
          { heading: "Colour by" },
          { label: "Run", checked: colourBy === null, onSelect: () => setColourBy(null) },
          ...axes.map(({ column, label }) => ({ label, checked: colourBy === column, onSelect: () => setColourBy(column) })),
          "line",
        ] as MenuEntry[])
      : []),
    ...props.actions,
  ] // prettier-ignore

  return (
    <ChartFrame
      title={panel.title}
      note={
        rows.length > 0 &&
        `${placedRuns < rows.length ? `${count(placedRuns)} of ` : ""}${plural(rows.length, "run")}`
      }
      state={state}
      isBusy={found.isFetching && found.isPlaceholderData}
      asOf={found.isRefetchError && found.dataUpdatedAt}
      facts={{ series: kind === "parallel" ? axes.length : 1, points: placedRuns, version }}
      sentence={sentenceOf(kind, names, numbers, rows, categories)}
      table={state === "ready" ? told.table : null}
      notice={notice}
      absence={
        found.isLoadingError ? (
          <FailedState error={found.error} onRetry={() => void found.refetch()} isInline />
        ) : isShort ? (
          <EmptyState isInline title="What shall it show?" hint={NEEDS[kind]}>
            <Button size="s" onClick={props.onEdit}>
              Choose columns
            </Button>
          </EmptyState>
        ) : (
          <EmptyState isInline title="No run is shown" hint="None matches, or all are hidden." />
        )
      }
      png={() => handle.current?.png() ?? Promise.reject(new Error("Nothing is drawn."))}
      keys={{
        move,
        ...(kind === "heat" ? { turn } : {}),
        ...(kind === "scatter" || kind === "contour"
          ? {
              logX: () => props.onSettings({ logX: !settings.logX }),
              logY: () => props.onSettings({ logY: !settings.logY }),
            }
          : {}),
      }}
      actions={menu}
      grip={props.grip}
      isFull={props.isFull}
      onFull={props.onFull}
      onStep={props.onStep}
    >
      {kind === "bar" && <Bars {...shared} dots={bars} name={names[0] ?? ""} base={base ?? null} />}
      {kind === "box" && (
        <Boxes
          {...shared}
          categories={categories}
          marked={cursor}
          name={names[0] ?? ""}
          category={names[1] ?? ""}
        />
      )}
      {(kind === "scatter" || kind === "contour") && (
        <Scatter
          {...shared}
          dots={places}
          names={{ x: names[0] ?? "", y: names[1] ?? "", z: names[2] }}
          logX={settings.logX}
          logY={settings.logY}
          hasContours={kind === "contour"}
          onLasso={setChosen}
        />
      )}
      {kind === "heat" && (
        <Heat
          names={names}
          values={heat}
          marked={cursor}
          onDrawn={drawn}
          onReady={shared.onReady}
        />
      )}
      {kind === "parallel" && (
        <Parallel
          axes={axes}
          strokes={strokes}
          colourBy={
            colourBy === null
              ? null
              : Math.max(
                  0,
                  axes.findIndex(({ column }) => column === colourBy),
                )
          }
          brushes={brushes}
          hoveredRow={hovered === null ? -1 : rows.findIndex(({ run }) => run.id === hovered)}
          onBrush={(column, brush) => {
            const others = Object.entries(brushes).filter(([one]) => one !== column)
            setBrushes(Object.fromEntries(brush ? [...others, [column, brush]] : others))
          }}
          onFlip={(column) =>
            setFlipped(
              flipped.includes(column)
                ? flipped.filter((one) => one !== column)
                : [...flipped, column],
            )
          }
          onMove={(column, to) => {
            const columns = axes.map((axis) => axis.column).filter((one) => one !== column)
            columns.splice(to, 0, column)
            setOrder(columns)
          }}
          onDrawn={drawn}
          onReady={shared.onReady}
        />
      )}
    </ChartFrame>
  )
}

function cellText(cell: ColumnValue): string {
  if (cell === null) return "none"
  return typeof cell === "number" ? value(cell) : cell
}

/** Values of the first column by the second; the largest categories. */
function categoriesOf(rows: readonly Row[], numbers: readonly number[]): Category[] {
  const found = new Map<string, number[]>()
  rows.forEach(({ cells }, at) => {
    const name = cellText(cells[1] ?? null)
    const list = found.get(name)
    const number = numbers[at] ?? Number.NaN
    if (list) list.push(number)
    else found.set(name, [number])
  })
  return [...found]
    .map(([name, values]) => ({ name, values }))
    .sort((a, b) => b.values.length - a.values.length)
    .slice(0, CATEGORIES)
    .sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }))
}

function sentenceOf(
  kind: string,
  names: readonly string[],
  numbers: readonly (readonly number[])[],
  rows: readonly Row[],
  categories: readonly Category[],
): string {
  const runs = plural(rows.length, "run")
  const told = names.map((name, at) => {
    const [low, high] = rangeOf(numbers[at] ?? [])
    return `${name} from ${value(low)} to ${value(high)}`
  })
  if (kind === "box") {
    const medians = categories.map(({ name, values }) => {
      const spread = spreadOf(values)
      return spread ? `${name} median ${value(spread.median)}` : `${name} without numbers`
    })
    return `${names[0] ?? ""} by ${names[1] ?? ""}, ${runs}: ${medians.join(", ")}.`
  }
  if (kind === "scatter") {
    const trend = trendOf(
      rows.map((_, at) => [numbers[0]?.[at] ?? Number.NaN, numbers[1]?.[at] ?? Number.NaN]),
    )
    const fit = trend ? ` Correlation ${trend.r.toFixed(2)}.` : ""
    return `${runs}: ${told.join(", ")}.${fit}`
  }
  return `${runs}: ${told.join(", ")}.`
}
