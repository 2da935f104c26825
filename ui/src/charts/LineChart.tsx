import { useEffect, useEffectEvent, useId, useRef, useState } from "react"
import { useLook } from "../lib/theme"
import { xText } from "./axes"
import type { CrosshairBus } from "./bus"
import {
  LineDrawing,
  type Hover,
  type Line,
  type LineLook,
  type Reference,
  type View,
} from "./line"
import styles from "./LineChart.module.css"
import { Readout, readings } from "./Readout"

export interface Drawn {
  xmin: number
  xmax: number
  /** Counts draws. */
  version: number
  /** Values that a logarithm has no place for. */
  hidden: number
}

export interface LineChartProps {
  lines: readonly Line[]
  look: LineLook
  view: View
  /** What x is: charts with the same share their cursor. */
  axis: string
  bus: CrosshairBus
  references?: readonly Reference[]
  onView: (view: View) => void
  onDrawn: (drawn: Drawn) => void
  onPick: (x: number) => void
  /** Hands out the drawing, which makes images. */
  onReady?: (drawing: LineDrawing | null) => void
}

/** Lines over one x. Dragging zooms, with Shift a box, the wheel with Ctrl; two clicks show all. */
export function LineChart(props: LineChartProps) {
  const { lines, look, view, axis, bus, references } = props
  const source = useId()
  const host = useRef<HTMLDivElement>(null)
  const drawing = useRef<LineDrawing>(null)
  const version = useRef(0)
  const [hover, setHover] = useState<Hover | null>(null)
  const theme = useLook()

  const onView = useEffectEvent(props.onView)
  const onPick = useEffectEvent(props.onPick)
  const onReady = useEffectEvent((made: LineDrawing | null) => props.onReady?.(made))
  const onDrawn = useEffectEvent(props.onDrawn)
  const onHover = useEffectEvent((at: Hover | null) => {
    setHover(at)
    bus.move(at && { axis, x: at.x, run: at.line?.run ?? null, source })
  })
  const told = useEffectEvent(() => {
    const { current } = drawing
    if (!current) return
    const [xmin, xmax] = current.ranges.x
    onDrawn({ xmin, xmax, version: ++version.current, hidden: current.hidden })
  })

  useEffect(() => {
    if (!host.current) return
    const made = new LineDrawing(host.current, {
      onView: (next) => onView(next),
      onReset: () => onView({ x: null, y: null }),
      onHover: (at) => onHover(at),
      onClick: (x) => onPick(x),
    })
    drawing.current = made
    onReady(made)
    const watch = new ResizeObserver(() => made.resize())
    watch.observe(host.current)
    return () => {
      watch.disconnect()
      made.destroy()
      drawing.current = null
      onReady(null)
    }
  }, [])

  useEffect(() => {
    drawing.current?.draw(lines, look, view, references)
    // uPlot draws at the end of the task; what was drawn is known after it.
    const timer = setTimeout(() => told())
    return () => clearTimeout(timer)
  }, [lines, look, view, references])

  useEffect(() => {
    drawing.current?.repaint()
  }, [theme])

  useEffect(
    () =>
      bus.subscribe((cursor) => {
        const isMine = cursor?.axis === axis
        drawing.current?.point(isMine ? cursor.x : null, cursor?.run ?? null)
      }),
    [bus, axis],
  )

  return (
    <div className={styles.chart}>
      <div ref={host} className={styles.host} data-plot="" />
      {hover && lines.length > 0 && (
        <Readout
          title={xText(look.x, hover.x, look.utc)}
          list={readings(lines, hover.x, hover.line)}
          near={hover.line}
          left={hover.left}
          top={hover.top}
          isOnLeft={hover.isRight}
        />
      )}
    </div>
  )
}
