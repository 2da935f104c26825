import { useMemo, useRef, useState } from "react"
import { value } from "../lib/format"
import { Canvas, type CanvasHandle, type Point } from "./Canvas"
import { drawAxes, line, linear, shortened, type Surface } from "./canvas"
import type { Category } from "./columns"
import { rangeOf, type Dot } from "./dots"
import { spreadOf } from "./stats"
import { Tip } from "./Tip"

interface Shared {
  name: string
  hovered: string | null
  onHover: (id: string | null) => void
  onDrawn: () => void
  onReady: (handle: CanvasHandle | null) => void
}

const LEFT = 120

/** An aggregate of each run as a bar, as they are given; a line across for the base. */
export function Bars({
  dots,
  base,
  ...props
}: Shared & { dots: readonly Dot[]; base: string | null }) {
  const { name, hovered } = props
  const rows = useRef<{ dot: Dot; top: number; bottom: number }[]>([])
  const [tip, setTip] = useState<{ dot: Dot; at: Point; isRight: boolean } | null>(null)
  const draw = useMemo(() => {
    const [low, high] = rangeOf(dots.map(({ y }) => y))
    const range = [Math.min(0, low), Math.max(0, high)] as const
    return (surface: Surface) => {
      const { context, theme, width, height } = surface
      const box = { left: LEFT, top: 6, width: width - LEFT - 16, height: height - 44 }
      drawAxes(surface, box, { range, isLog: false, name }, null)
      const scale = linear(range, box.left, box.left + box.width)
      const room = Math.max(1, Math.floor(box.height / 4))
      const seen = dots.slice(0, room)
      const step = box.height / Math.max(seen.length, 1)
      const thick = Math.min(22, step * 0.72)
      rows.current = []
      seen.forEach((dot, at) => {
        const middle = box.top + step * (at + 0.5)
        rows.current.push({ dot, top: middle - step / 2, bottom: middle + step / 2 })
        const [from, to] = [scale(0), scale(dot.y)]
        context.fillStyle = theme.isDark ? dot.stroke.dark : dot.stroke.light
        context.globalAlpha = hovered === null || hovered === dot.id ? 1 : 0.45
        context.fillRect(
          Math.min(from, to),
          middle - thick / 2,
          Math.max(1, Math.abs(to - from)),
          thick,
        )
        context.globalAlpha = 1
        if (step >= 11) {
          context.font = `11px ${theme.font}`
          context.fillStyle = theme.muted
          context.textAlign = "right"
          context.textBaseline = "middle"
          context.fillText(shortened(context, dot.label, LEFT - 16), LEFT - 8, middle)
          context.textAlign = "left"
          context.fillStyle = theme.ink
          const text = value(dot.y)
          const room = box.left + box.width - to
          if (room > context.measureText(text).width + 8) context.fillText(text, to + 4, middle)
        }
      })
      const reference = dots.find(({ id }) => id === base)
      if (reference) {
        context.strokeStyle = theme.accent
        context.setLineDash([5, 4])
        context.lineWidth = 1.5
        line(context, scale(reference.y), box.top, scale(reference.y), box.top + box.height)
        context.setLineDash([])
      }
    }
  }, [dots, base, name, hovered])
  return (
    <Canvas
      draw={draw}
      onDrawn={props.onDrawn}
      onReady={props.onReady}
      onMove={(at, event) => {
        const row = rows.current.find(({ top, bottom }) => at.y >= top && at.y < bottom)
        setTip(
          row ? { dot: row.dot, at, isRight: at.x > event.currentTarget.clientWidth / 2 } : null,
        )
        props.onHover(row?.dot.id ?? null)
      }}
      onLeave={() => {
        setTip(null)
        props.onHover(null)
      }}
    >
      {tip && (
        <Tip
          left={tip.at.x}
          top={tip.at.y}
          isOnLeft={tip.isRight}
          lines={[tip.dot.label, `${name} ${value(tip.dot.y)}`]}
        />
      )}
    </Canvas>
  )
}

/** How a metric spreads in each category: box of the quartiles, whiskers, outliers. */
export function Boxes({
  categories,
  category,
  marked,
  ...props
}: Shared & {
  categories: readonly Category[]
  category: string
  /** The box under the cursor of the keyboard. */
  marked: number
}) {
  const { name } = props
  const draw = useMemo(() => {
    const range = rangeOf(categories.flatMap(({ values }) => values))
    const [low, high] = range
    const reach = (high - low) * 0.06 || 1
    const shown = [low - reach, high + reach] as const
    return (surface: Surface) => {
      const { context, theme, width, height } = surface
      const box = { left: 60, top: 10, width: width - 74, height: height - 52 }
      drawAxes(surface, box, null, { range: shown, isLog: false, name })
      const scale = linear(shown, box.top + box.height, box.top)
      const step = box.width / Math.max(categories.length, 1)
      const thick = Math.min(48, step * 0.5)
      categories.forEach((one, at) => {
        const spread = spreadOf(one.values)
        const middle = box.left + step * (at + 0.5)
        context.font = `11px ${theme.font}`
        context.textAlign = "center"
        context.textBaseline = "top"
        context.fillStyle = theme.muted
        context.fillText(shortened(context, one.name, step - 6), middle, box.top + box.height + 6)
        if (!spread) return
        context.strokeStyle = at === marked ? theme.ink : theme.accent
        context.fillStyle = theme.accent
        context.lineWidth = 1.5
        line(context, middle, scale(spread.low), middle, scale(spread.q1))
        line(context, middle, scale(spread.q3), middle, scale(spread.high))
        const top = scale(spread.q3)
        const tall = Math.max(1, scale(spread.q1) - top)
        context.globalAlpha = 0.18
        context.fillRect(middle - thick / 2, top, thick, tall)
        context.globalAlpha = 1
        context.strokeRect(middle - thick / 2, top, thick, tall)
        context.lineWidth = 2.5
        line(
          context,
          middle - thick / 2,
          scale(spread.median),
          middle + thick / 2,
          scale(spread.median),
        )
        context.globalAlpha = 0.7
        for (const outlier of spread.outliers) {
          context.beginPath()
          context.arc(middle, scale(outlier), 2.5, 0, 2 * Math.PI)
          context.fill()
        }
        context.globalAlpha = 1
      })
      context.fillStyle = theme.muted
      context.fillText(category, box.left + box.width / 2, box.top + box.height + 24)
    }
  }, [categories, category, name, marked])
  return <Canvas draw={draw} onDrawn={props.onDrawn} onReady={props.onReady} />
}
