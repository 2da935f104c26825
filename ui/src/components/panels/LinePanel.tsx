import { useQuery } from "@tanstack/react-query"
import { useMemo, useRef, useState, type ReactNode } from "react"
import { X_KINDS, xLabel, xText, type Range } from "../../charts/axes"
import type { CrosshairBus } from "../../charts/bus"
import { ChartFrame, type ChartState } from "../../charts/ChartFrame"
import { lineSvg } from "../../charts/export"
import { compute, isComputed, parseExpression, type Expression } from "../../charts/expression"
import { grouped } from "../../charts/group"
import type { Panel, PanelSettings } from "../../charts/layout"
import { Legend } from "../../charts/Legend"
import { zoomed, type Line, type LineDrawing, type LineLook, type View } from "../../charts/line"
import { LineChart, type Drawn } from "../../charts/LineChart"
import { nearest } from "../../charts/nearest"
import { lineSentence } from "../../charts/sentence"
import type { Series } from "../../charts/series"
import { smooth } from "../../charts/smooth"
import { csvOf, tableOf, type ChartTable } from "../../charts/table"
import { strokeOf } from "../../lib/colours"
import { count, value } from "../../lib/format"
import { timesInUtc } from "../../lib/prefs"
import { useStore } from "../../lib/store"
import { Button } from "../../ui/Button"
import type { MenuEntry } from "../../ui/Menu"
import { EmptyState, FailedState } from "../../ui/States"
import { columnsQuery, rawPoints, seriesQuery, type Scope } from "./scope"

/** More than the plot has room for cost time on the way and show nothing. */
const BUCKETS = { narrow: 256, wide: 512 } as const
/** Columns of twelve. */
const WIDE = 6
/** Up to so many lines have dashes beside their colours. */
const DASHED = 12

export interface PanelProps {
  panel: Panel
  scope: Scope
  settings: PanelSettings
  bus: CrosshairBus
  base?: string | null | undefined
  grip: ReactNode
  actions: readonly MenuEntry[]
  isFull: boolean
  onFull: (full: boolean) => void
  onStep: (by: number) => void
  onSettings: (change: Partial<PanelSettings>) => void
  onEdit: () => void
}

/** Every expression of a panel; texts that are none are metrics with odd names. */
function expressionsOf(keys: readonly string[]): Expression[] {
  return keys.map((text) => {
    try {
      return parseExpression(text)
    } catch {
      return parseExpression(`\`${text.replaceAll("`", "")}\``)
    }
  })
}

/** Lines of metrics over steps, time, or another metric. */
export function LinePanel({
  panel,
  scope,
  settings,
  bus,
  base,
  view,
  onView,
  ...frame
}: PanelProps & { view: View; onView: (view: View) => void }) {
  const utc = useStore(timesInUtc)
  const [drawn, setDrawn] = useState<Drawn>({ xmin: 0, xmax: 0, version: 0, hidden: 0 })
  const drawing = useRef<LineDrawing>(null)
  const cursor = useRef<{ at: number; line: number }>({ at: -1, line: 0 })
  const { keys } = panel
  const expressions = useMemo(() => expressionsOf(keys), [keys])
  const metrics = useMemo(() => [...new Set(expressions.flatMap((one) => one.keys))], [expressions])
  const { x, xMetric, group } = settings
  const asked = {
    runs: scope.runs.map(({ id }) => id),
    keys: metrics,
    x,
    xMetric,
    range: view.x,
    buckets: frame.isFull || panel.w > WIDE ? BUCKETS.wide : BUCKETS.narrow,
  }
  const found = useQuery({
    ...seriesQuery(asked),
    ...(x === "metric" && !xMetric ? { enabled: false } : {}),
  })
  const groups = useQuery({
    ...columnsQuery({ ...scope, match: undefined }, [group], 500),
    enabled: group !== "" && scope.runs.length > 0,
  })

  const lines = useMemo(
    () => linesOf(found.data?.series ?? [], expressions, scope, settings, groups.data),
    [found.data, expressions, scope, settings, groups.data],
  )
  const { logX, logY, outliers } = settings
  const look = useMemo<LineLook>(
    () => ({ x, logX, logY, outliers, utc }),
    [x, logX, logY, outliers, utc],
  )
  const references = useMemo(() => {
    const line = lines.find(({ run }) => run === base)
    const last = line?.series.last.at(-1)
    return last === undefined || !Number.isFinite(last) ? [] : [{ label: "base", y: last }]
  }, [lines, base])

  const points = lines.reduce((sum, { series }) => sum + series.count.reduce((a, b) => a + b, 0), 0)
  const axis = x === "metric" ? `metric:${xMetric}` : x
  const state: ChartState = found.isLoadingError
    ? "error"
    : found.isPending && found.fetchStatus !== "idle"
      ? "loading"
      : lines.length === 0
        ? "empty"
        : "ready"
  const table = useMemo(() => tableOfLines(lines, x, xMetric), [lines, x, xMetric])
  const total = scope.match?.total ?? scope.runs.length

  const move = (by: number): string | null => {
    const line = lines[cursor.current.line]
    if (!line) return null
    const { series } = line
    // What is drawn is known a moment after it is; until then it is all there is.
    const isDrawn = drawn.version > 0
    const first = isDrawn ? nearest(series.x, drawn.xmin) : 0
    const last = isDrawn ? nearest(series.x, drawn.xmax) : series.x.length - 1
    const from = cursor.current.at < 0 ? (by > 0 ? first - 1 : last + 1) : cursor.current.at
    const at = Math.max(first, Math.min(last, from + by))
    cursor.current.at = at
    const place = series.x[at]
    if (place === undefined) return null
    bus.move({ axis, x: place, run: line.run, source: panel.id })
    return `${line.label}, ${xLabel(x, xMetric)} ${xText(x, place, utc)}: ${value(series.y[at] as number)}`
  }

  const turn = (by: number): string | null => {
    const before = lines[cursor.current.line]?.series.x[cursor.current.at]
    const next = (cursor.current.line + by + lines.length) % Math.max(lines.length, 1)
    cursor.current.line = next
    const series = lines[next]?.series
    if (series && before !== undefined) cursor.current.at = nearest(series.x, before)
    return move(0)
  }

  const zoom = (factor: number) => {
    const range: Range = [drawn.xmin, drawn.xmax]
    const line = lines[cursor.current.line]
    const at = line?.series.x[cursor.current.at] ?? (range[0] + range[1]) / 2
    onView({ x: zoomed(range, at, factor, logX), y: view.y })
  }

  return (
    <ChartFrame
      title={panel.title}
      note={scope.runs.length < total && `${count(scope.runs.length)} of ${count(total)}`}
      state={state}
      isBusy={found.isFetching && found.isPlaceholderData}
      asOf={found.isRefetchError && found.dataUpdatedAt}
      facts={{
        series: lines.length,
        points,
        version: drawn.version,
        ...(drawn.version > 0 ? { xmin: drawn.xmin, xmax: drawn.xmax } : {}),
      }}
      sentence={lineSentence(panel.title, lines, x, xMetric)}
      table={state === "ready" ? table : null}
      notice={
        (drawn.hidden > 0 &&
          logY &&
          `${count(drawn.hidden)} values are not above zero and have no place on a log scale; marks at the foot show where.`) ||
        (view.x && (
          <Button
            size="s"
            variant="quiet"
            icon="restore"
            onClick={() => onView({ x: null, y: null })}
          >
            Show all
          </Button>
        ))
      }
      absence={
        found.isLoadingError ? (
          <FailedState error={found.error} onRetry={() => void found.refetch()} isInline />
        ) : (
          <Absence settings={settings} scope={scope} onSettings={frame.onSettings} />
        )
      }
      png={() => drawing.current?.png() ?? Promise.reject(new Error("Nothing is drawn."))}
      svg={() =>
        lineSvg(lines, {
          title: panel.title,
          width: 960,
          height: 480,
          x: drawing.current?.ranges.x ?? [0, 1],
          y: drawing.current?.ranges.y ?? [0, 1],
          kind: x,
          logX,
          logY,
          xName: xLabel(x, xMetric),
          references,
        })
      }
      rawCsv={async () =>
        csvOf(tableOf(["run", "metric", "step", "value"], await rawPoints(asked)))
      }
      keys={{
        move,
        turn,
        zoom,
        reset: () => onView({ x: null, y: null }),
        logX: () => frame.onSettings({ logX: !logX }),
        logY: () => frame.onSettings({ logY: !logY }),
        smoothing: frame.onEdit,
      }}
      actions={[
        { label: "Log y", keys: "y", checked: logY, onSelect: () => frame.onSettings({ logY: !logY }) },
        { label: "Log x", keys: "x", checked: logX, onSelect: () => frame.onSettings({ logX: !logX }) },
        { label: "Leave outliers out", checked: outliers > 0, onSelect: () => frame.onSettings({ outliers: outliers > 0 ? 0 : 0.02 }) },
        ...frame.actions,
      ]} // prettier-ignore
      grip={frame.grip}
      isFull={frame.isFull}
      onFull={frame.onFull}
      onStep={frame.onStep}
      legend={
        lines.length > 1 &&
        lines.length <= 60 && (
          <Legend
            list={lines}
            onPoint={(id) => {
              const line = lines.find((one) => one.id === id)
              const [, end = 0] = drawing.current?.ranges.x ?? []
              bus.move(line ? { axis, x: end, run: line.run, source: panel.id } : null)
            }}
          />
        )
      }
    >
      <LineChart
        lines={lines}
        look={look}
        view={view}
        axis={axis}
        bus={bus}
        references={references}
        onView={onView}
        onDrawn={setDrawn}
        onPick={(place) => {
          const first = lines[cursor.current.line]
          if (first) cursor.current.at = nearest(first.series.x, place)
        }}
        onReady={(made) => {
          drawing.current = made
        }}
      />
    </ChartFrame>
  )
}

/** Why there is nothing to draw, and what would be. */
function Absence({
  settings,
  scope,
  onSettings,
}: {
  settings: PanelSettings
  scope: Scope
  onSettings: (change: Partial<PanelSettings>) => void
}) {
  if (scope.runs.length === 0) {
    return (
      <EmptyState isInline title="No run is shown" hint="Show runs in the list to draw them." />
    )
  }
  if (settings.x !== "step") {
    const name = X_KINDS.find(([kind]) => kind === settings.x)?.[1] ?? settings.x
    return (
      <EmptyState
        isInline
        title={settings.xMetric ? `No run has ${settings.xMetric}` : "Nothing over this axis"}
        hint={`These runs have no points over “${name.toLowerCase()}”.`}
      >
        <Button size="s" onClick={() => onSettings({ x: "step" })}>
          Draw over steps
        </Button>
      </EmptyState>
    )
  }
  return (
    <EmptyState isInline title="No data" hint="None of the runs that are shown has this metric." />
  )
}

function linesOf(
  series: readonly Series[],
  expressions: readonly Expression[],
  { runs }: Scope,
  { smoothing, group, spread }: PanelSettings,
  groups:
    | { runs: readonly { id: string }[]; values: Record<string, (string | number | null)[]> }
    | undefined,
): Line[] {
  const names = new Map(runs.map(({ id, name }) => [id, name]))
  const order = new Map(runs.map(({ id }, at) => [id, at]))
  const isMany = expressions.length > 1
  const lines = expressions.flatMap((expression) => {
    const own = isComputed(expression)
      ? compute(expression, series)
      : series.filter(({ key }) => key === expression.keys[0])
    if (group !== "" && groups) return groupLines(own, group, spread, groups, isMany)
    return own.map((one): Line => {
      const name = names.get(one.run) ?? one.run
      return {
        id: `${one.run}/${expression.text}`,
        run: one.run,
        label: isMany ? `${name} · ${expression.text}` : name,
        stroke: isMany ? dashed(one.run, expressions.indexOf(expression)) : strokeOf(one.run),
        series: one,
      }
    })
  })
  lines.sort((a, b) => (order.get(a.run) ?? 0) - (order.get(b.run) ?? 0))
  // With many lines dashes are noise, and no second channel any more.
  const calm =
    lines.length > DASHED && !isMany
      ? lines.map((line) => ({ ...line, stroke: { ...line.stroke, dash: [] } }))
      : lines
  if (smoothing.kind === "none") return calm
  return calm.map((line) => {
    const y = smooth(line.series.y, smoothing)
    return { ...line, raw: line.series.y, series: { ...line.series, y } }
  })
}

/** Several metrics of one run share its colour; dashes tell them apart. */
function dashed(run: string, at: number) {
  const dashes = [[], [6, 3], [2, 2], [8, 3, 2, 3]]
  return { ...strokeOf(run), dash: dashes[at % dashes.length] ?? [] }
}

function groupLines(
  series: readonly Series[],
  column: string,
  spread: PanelSettings["spread"],
  groups: { runs: readonly { id: string }[]; values: Record<string, (string | number | null)[]> },
  isMany: boolean,
): Line[] {
  const valueOf = new Map(
    groups.runs.map(({ id }, at) => [id, groups.values[column]?.[at] ?? null]),
  )
  const parted = Map.groupBy(series, ({ run }) => String(valueOf.get(run) ?? "none"))
  return [...parted].map(([name, members]) => {
    const key = members[0]?.key ?? ""
    return {
      id: `group:${name}/${key}`,
      run: `group:${name}`,
      label: isMany ? `${name} · ${key}` : `${name} (${members.length})`,
      stroke: strokeOf(`group:${column}=${name}`),
      series: grouped(`group:${name}`, members, spread),
    }
  })
}

function tableOfLines(lines: readonly Line[], x: PanelSettings["x"], xMetric: string): ChartTable {
  const starts: number[] = []
  let rows = 0
  for (const { series } of lines) {
    starts.push(rows)
    rows += series.x.length
  }
  const isRaw = lines.every(({ series }) => series.isRaw)
  const hasSmooth = lines.some(({ raw }) => raw)
  const columns = ["run", xLabel(x, xMetric), hasSmooth ? "smoothed" : isRaw ? "value" : "mean"]
  if (hasSmooth) columns.push(isRaw ? "value" : "mean")
  if (!isRaw) columns.push("least", "greatest", "last", "points")
  return {
    columns,
    rows,
    cell: (row, column) => {
      const at = nearestStart(starts, row)
      const line = lines[at]
      const index = row - (starts[at] ?? 0)
      if (!line) return ""
      const { series, label, raw } = line
      const own = hasSmooth ? [raw?.[index] ?? series.y[index]] : []
      const cells = [
        label,
        series.x[index],
        series.y[index],
        ...own,
        series.low[index],
        series.high[index],
        series.last[index],
        series.count[index],
      ]
      return cells[column] ?? ""
    },
  }
}

/** The series that a row of the table belongs to. */
function nearestStart(starts: readonly number[], row: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const at = (low + high + 1) >> 1
    if ((starts[at] ?? 0) <= row) low = at
    else high = at - 1
  }
  return low
}
