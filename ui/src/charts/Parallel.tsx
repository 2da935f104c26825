import { useEffect, useMemo, useRef, useState } from "react"
import type { Stroke } from "../lib/colours"
import { value as text } from "../lib/format"
import { Canvas, type CanvasHandle, type Point } from "./Canvas"
import { layered, line, ramp, shortened, type Layer, type Surface } from "./canvas"
import { brushed, placeOn, type Brush, type ParallelAxis } from "./parallel"

export interface ParallelProps {
  axes: readonly ParallelAxis[]
  /** One for each row. */
  strokes: readonly Stroke[]
  /** The axis that colours lines; null: each run has its own colour. */
  colourBy: number | null
  brushes: Readonly<Record<string, Brush>>
  hoveredRow: number
  onBrush: (column: string, brush: Brush | null) => void
  onFlip: (column: string) => void
  /** To the place of another axis. */
  onMove: (column: string, to: number) => void
  onDrawn: () => void
  onReady: (handle: CanvasHandle | null) => void
}

/** Beyond so many lines, each is so faint that it is their density that shows. */
const DENSE = 5000
const FOOT = 26
const HEAD = 30
const GRAB = 14

type Gesture =
  | { kind: "brush"; axis: number; from: number; to: number }
  | { kind: "move"; axis: number; x: number }

/** A line for each run through all axes. Dragging along an axis chooses, its name moves or flips it. */
export function Parallel(props: ParallelProps) {
  const { axes, strokes, colourBy, brushes, hoveredRow } = props
  const [gesture, setGesture] = useState<Gesture | null>(null)
  const size = useRef({ width: 1, height: 1 })
  const rows = strokes.length
  const inside = useMemo(() => brushed(axes, brushes, rows), [axes, brushes, rows])
  // Places do not change while brushes do.
  const places = useMemo(
    () => axes.map((axis) => Float64Array.from(axis.values, (one) => placeOn(axis, one))),
    [axes],
  )
  const hasBrush = Object.keys(brushes).length > 0

  const { current: layer } = useRef<{ held: Layer | null }>({ held: null })
  const lines = useMemo(
    () => (surface: Surface) => {
      const { context, theme, width, height } = surface
      const trace = tracer(places, axes.length, width, height)
      const alpha = rows > DENSE ? 0.04 : rows > 1000 ? 0.14 : rows > 200 ? 0.35 : 0.75
      context.lineWidth = rows > 1000 ? 1 : 1.4
      const colourOf = (row: number) => {
        if (colourBy !== null) return ramp(level(places[colourBy]?.[row]))
        const stroke = strokes[row]
        return (theme.isDark ? stroke?.dark : stroke?.light) ?? theme.ink
      }
      // Lines of one colour are one path: a tenth of the strokes.
      const paint = (wanted: boolean, opacity: number, colour?: string) => {
        const parts = new Map<string, number[]>()
        for (let row = 0; row < rows; row++) {
          if (inside[row] !== wanted) continue
          const key = colour ?? colourOf(row)
          const list = parts.get(key)
          if (list) list.push(row)
          else parts.set(key, [row])
        }
        context.globalAlpha = opacity
        for (const [key, list] of parts) {
          context.strokeStyle = key
          // A path's overlaps do not add up; short paths keep the density.
          const most = rows > DENSE ? 40 : 400
          for (let at = 0; at < list.length; at += most) {
            context.beginPath()
            for (const row of list.slice(at, at + most)) trace(context, row)
            context.stroke()
          }
        }
        context.globalAlpha = 1
      }
      if (hasBrush) paint(false, Math.min(alpha, 0.1), theme.faint)
      paint(true, hasBrush ? Math.max(alpha, 0.3) : alpha)
    },
    [axes.length, places, strokes, rows, colourBy, inside, hasBrush],
  )

  const draw = useMemo(
    () => (surface: Surface) => {
      const { context, theme, width, height } = surface
      size.current = { width, height }
      layer.held = layered(surface, layer.held, lines)
      const y = (place: number) => height - FOOT - place * (height - FOOT - HEAD)
      if (hoveredRow >= 0) {
        context.strokeStyle = theme.ink
        context.lineWidth = 2.5
        context.beginPath()
        tracer(places, axes.length, width, height)(context, hoveredRow)
        context.stroke()
      }
      axes.forEach((axis, at) => {
        const place = left(at, axes.length, width)
        const x = gesture?.kind === "move" && gesture.axis === at ? gesture.x : place
        paintAxis(surface, axis, x, width / Math.max(axes.length, 1), y)
        const brush =
          gesture?.kind === "brush" && gesture.axis === at ? ordered(gesture) : brushes[axis.column]
        if (!brush) return
        context.fillStyle = theme.accent
        context.globalAlpha = 0.3
        context.fillRect(x - 6, y(brush[1]), 12, Math.max(2, y(brush[0]) - y(brush[1])))
        context.globalAlpha = 1
        context.strokeStyle = theme.accent
        context.lineWidth = 1.5
        context.strokeRect(x - 6, y(brush[1]), 12, Math.max(2, y(brush[0]) - y(brush[1])))
      })
    },
    [lines, layer, axes, places, brushes, hoveredRow, gesture],
  )

  const axisAt = ({ x }: Point) =>
    axes.findIndex((_, at) => Math.abs(left(at, axes.length, size.current.width) - x) < GRAB)
  const placeAt = ({ y }: Point) => {
    const tall = size.current.height - FOOT - HEAD
    return Math.max(0, Math.min(1, (size.current.height - FOOT - y) / tall))
  }
  const { onReady, onDrawn } = props
  useEffect(() => {
    if (!gesture) return
    const stop = (event: KeyboardEvent) => event.key === "Escape" && setGesture(null)
    addEventListener("keydown", stop)
    return () => removeEventListener("keydown", stop)
  }, [gesture])

  return (
    <Canvas
      draw={draw}
      onDrawn={onDrawn}
      onReady={onReady}
      cursor={gesture?.kind === "move" ? "grabbing" : "crosshair"}
      onDown={(at) => {
        const axis = axisAt(at)
        if (axis < 0) return
        if (at.y < HEAD) setGesture({ kind: "move", axis, x: at.x })
        else setGesture({ kind: "brush", axis, from: placeAt(at), to: placeAt(at) })
      }}
      onMove={(at) => {
        if (gesture?.kind === "brush") setGesture({ ...gesture, to: placeAt(at) })
        if (gesture?.kind === "move") setGesture({ ...gesture, x: at.x })
      }}
      onUp={(at) => {
        const axis = gesture && axes[gesture.axis]
        setGesture(null)
        if (!axis || !gesture) return
        if (gesture.kind === "brush") {
          const brush = ordered(gesture)
          props.onBrush(axis.column, brush[1] - brush[0] < 0.01 ? null : brush)
          return
        }
        const here = left(gesture.axis, axes.length, size.current.width)
        if (Math.abs(at.x - here) < 4) props.onFlip(axis.column)
        else {
          const step = size.current.width / axes.length
          const to = Math.max(0, Math.min(axes.length - 1, Math.floor(at.x / step)))
          props.onMove(axis.column, to)
        }
      }}
    />
  )
}

/** Adds the line of a row to the path. */
function tracer(places: readonly Float64Array[], axes: number, width: number, height: number) {
  const xs = places.map((_, at) => left(at, axes, width))
  return (context: CanvasRenderingContext2D, row: number) => {
    let isDown = false
    for (let at = 0; at < xs.length; at++) {
      const place = places[at]?.[row] ?? Number.NaN
      if (Number.isNaN(place)) {
        isDown = false
        continue
      }
      const y = height - FOOT - place * (height - FOOT - HEAD)
      if (isDown) context.lineTo(xs[at] ?? 0, y)
      else context.moveTo(xs[at] ?? 0, y)
      isDown = true
    }
  }
}

const ordered = ({ from, to }: { from: number; to: number }): Brush =>
  from < to ? [from, to] : [to, from]

function left(at: number, of: number, width: number): number {
  return (width / of) * (at + 0.5)
}

/** Few levels, so that many lines share a path. */
function level(place = 0): number {
  return Math.round(place * 24) / 24
}

function paintAxis(
  { context, theme }: Surface,
  axis: ParallelAxis,
  x: number,
  room: number,
  y: (place: number) => number,
): void {
  context.strokeStyle = theme.muted
  context.lineWidth = 1
  line(context, x, y(0), x, y(1))
  context.font = `11px ${theme.font}`
  context.textAlign = "center"
  context.textBaseline = "middle"
  context.fillStyle = theme.ink
  const mark = `${axis.isFlipped ? "↓ " : ""}${axis.isLog ? "log " : ""}`
  context.fillText(shortened(context, mark + axis.label, room - 8), x, HEAD / 2)
  context.textAlign = "left"
  const told = (label: string, place: number) => {
    context.lineWidth = 3
    context.strokeStyle = theme.ground
    context.strokeText(label, x + 5, y(place))
    context.fillStyle = theme.muted
    context.fillText(label, x + 5, y(place))
  }
  if (axis.kind === "category") {
    const step = Math.max(1, Math.ceil(axis.categories.length / 12))
    axis.categories.forEach((name, at) => {
      if (at % step === 0) told(shortened(context, name, room - 16), placeOn(axis, name))
    })
    return
  }
  const [low, high] = axis.range
  told(text(low, "usual"), axis.isFlipped ? 1 : 0)
  told(text(high, "usual"), axis.isFlipped ? 0 : 1)
}
