import { contours } from "d3-contour"
import { useMemo, useRef, useState } from "react"
import { value } from "../lib/format"
import { padded } from "./axes"
import { Canvas, type CanvasHandle, type Point } from "./Canvas"
import { drawAxes, inner, layered, line, ramp, scaleOf, type Layer, type Surface } from "./canvas"
import { rangeOf, type Dot } from "./dots"
import { isInside, surfaceOf, trendOf } from "./stats"
import { Tip } from "./Tip"

export interface ScatterProps {
  /** All of them have a place. */
  dots: readonly Dot[]
  names: { x: string; y: string; z?: string | undefined }
  logX: boolean
  logY: boolean
  /** Lines of equal height of `z` behind the dots. */
  hasContours?: boolean
  hovered: string | null
  onHover: (id: string | null) => void
  /** Runs inside a lasso. */
  onLasso: (ids: string[]) => void
  onDrawn: () => void
  onReady: (handle: CanvasHandle | null) => void
}

const GRID = 64
const LEVELS = 12
const REACH = 10

/** Runs by two columns, coloured by a third; a lasso around some chooses them. */
export function Scatter(props: ScatterProps) {
  const { dots, names, logX, logY, hasContours = false, hovered } = props
  const [lasso, setLasso] = useState<readonly Point[] | null>(null)
  const [tip, setTip] = useState<{ dot: Dot; at: Point; isRight: boolean } | null>(null)
  const places = useRef<{ dot: Dot; x: number; y: number }[]>([])

  const { current: layer } = useRef<{ held: Layer | null }>({ held: null })
  const below = useMemo(() => {
    const rangeX = padded(rangeOf(dots.map(({ x }) => x)), logX)
    const rangeY = padded(rangeOf(dots.map(({ y }) => y)), logY)
    const rangeZ = rangeOf(dots.map(({ z = Number.NaN }) => z))
    const hasZ = names.z !== undefined
    const share = (z: number) => (z - rangeZ[0]) / (rangeZ[1] - rangeZ[0] || 1)
    return (surface: Surface) => {
      const { context, theme } = surface
      const box = inner(surface)
      if (hasZ) box.width -= 46
      const scaleX = scaleOf(rangeX, logX, box.left, box.left + box.width)
      const scaleY = scaleOf(rangeY, logY, box.top + box.height, box.top)
      const found = dots.map((dot) => ({ dot, x: scaleX(dot.x), y: scaleY(dot.y) }))
      places.current = found
      if (hasContours && hasZ) {
        const heights = surfaceOf(
          found
            .filter(({ dot }) => Number.isFinite(dot.z))
            .map(({ dot, x, y }) => ({
              x: (x - box.left) / box.width,
              y: (y - box.top) / box.height,
              z: share(dot.z ?? 0),
            })),
          GRID,
          GRID,
        )
        paintContours(surface, box, heights)
      }
      drawAxes(
        surface,
        box,
        { range: rangeX, isLog: logX, name: names.x },
        { range: rangeY, isLog: logY, name: names.y },
      )
      const radius = radiusOf(found.length)
      for (const { dot, x, y } of found) {
        context.fillStyle = hasZ
          ? ramp(share(dot.z ?? Number.NaN), 0.9)
          : theme.isDark
            ? dot.stroke.dark
            : dot.stroke.light
        context.globalAlpha = hasZ && !Number.isFinite(dot.z) ? 0.25 : 0.85
        context.beginPath()
        context.arc(x, y, radius, 0, 2 * Math.PI)
        context.fill()
        if (hasContours) {
          context.strokeStyle = theme.ground
          context.lineWidth = 1.5
          context.stroke()
        }
      }
      context.globalAlpha = 1
      if (!hasContours && !logX && !logY) paintTrend(surface, dots, scaleX, scaleY, rangeX)
      if (hasZ)
        paintRamp(surface, rangeZ, names.z ?? "", box.left + box.width + 14, box.top, box.height)
    }
  }, [dots, names, logX, logY, hasContours])

  const draw = useMemo(
    () => (surface: Surface) => {
      const { context, theme } = surface
      layer.held = layered(surface, layer.held, below)
      const marked = places.current.find(({ dot }) => dot.id === hovered)
      if (marked) {
        context.strokeStyle = theme.ink
        context.lineWidth = 2
        context.beginPath()
        context.arc(marked.x, marked.y, radiusOf(places.current.length) + 3, 0, 2 * Math.PI)
        context.stroke()
      }
      if (lasso && lasso.length > 1) {
        context.fillStyle = theme.accent
        context.strokeStyle = theme.accent
        context.lineWidth = 1.5
        context.beginPath()
        lasso.forEach(({ x, y }) => context.lineTo(x, y))
        context.closePath()
        context.globalAlpha = 0.12
        context.fill()
        context.globalAlpha = 1
        context.stroke()
      }
    },
    [layer, below, hovered, lasso],
  )

  const nearestTo = (at: Point) => {
    let found: Dot | null = null
    let least = REACH
    for (const { dot, x, y } of places.current) {
      const distance = Math.hypot(x - at.x, y - at.y)
      if (distance < least) {
        least = distance
        found = dot
      }
    }
    return found
  }

  return (
    <Canvas
      draw={draw}
      onDrawn={props.onDrawn}
      onReady={props.onReady}
      cursor="crosshair"
      onDown={(at) => setLasso([at])}
      onMove={(at, event) => {
        if (lasso) {
          setLasso([...lasso, at])
          return
        }
        const dot = nearestTo(at)
        setTip(dot && { dot, at, isRight: at.x > event.currentTarget.clientWidth / 2 })
        if ((dot?.id ?? null) !== hovered) props.onHover(dot?.id ?? null)
      }}
      onUp={() => {
        if (lasso && lasso.length > 4) {
          const inside = places.current.filter((place) => isInside(place, lasso))
          props.onLasso(inside.map(({ dot }) => dot.id))
        }
        setLasso(null)
      }}
      onLeave={() => {
        setTip(null)
        props.onHover(null)
      }}
    >
      {tip && !lasso && (
        <Tip
          left={tip.at.x}
          top={tip.at.y}
          isOnLeft={tip.isRight}
          lines={[
            tip.dot.label,
            `${names.x} ${value(tip.dot.x)}`,
            `${names.y} ${value(tip.dot.y)}`,
            ...(names.z ? [`${names.z} ${value(tip.dot.z ?? Number.NaN)}`] : []),
          ]}
        />
      )}
    </Canvas>
  )
}

const radiusOf = (dots: number) => (dots > 2000 ? 2 : dots > 300 ? 3 : 4)

function paintContours(
  { context, theme }: Surface,
  box: { left: number; top: number; width: number; height: number },
  heights: Float64Array,
): void {
  const levels = Array.from({ length: LEVELS }, (_, at) => at / LEVELS)
  const made = contours().size([GRID, GRID]).thresholds(levels)([...heights])
  context.save()
  context.translate(box.left, box.top)
  for (const { value: level, coordinates } of made) {
    context.beginPath()
    for (const ring of coordinates.flat()) {
      ring.forEach(([x = 0, y = 0], at) => {
        const px = (x / GRID) * box.width
        const py = (y / GRID) * box.height
        if (at === 0) context.moveTo(px, py)
        else context.lineTo(px, py)
      })
      context.closePath()
    }
    context.fillStyle = ramp(level)
    context.fill("evenodd")
    context.strokeStyle = theme.ground
    context.globalAlpha = 0.35
    context.lineWidth = 0.75
    context.stroke()
    context.globalAlpha = 1
  }
  context.restore()
}

function paintTrend(
  { context, theme }: Surface,
  dots: readonly Dot[],
  scaleX: (value: number) => number,
  scaleY: (value: number) => number,
  [from, to]: readonly [number, number],
): void {
  const trend = trendOf(dots.map(({ x, y }) => [x, y] as const))
  if (!trend || dots.length < 3) return
  const at = (x: number) => scaleY(trend.intercept + trend.slope * x)
  context.save()
  context.strokeStyle = theme.muted
  context.lineWidth = 1.25
  context.setLineDash([5, 4])
  context.beginPath()
  context.rect(scaleX(from), 10, scaleX(to) - scaleX(from), 1e5)
  line(context, scaleX(from), at(from), scaleX(to), at(to))
  context.restore()
}

/** The colours and what they stand for. */
export function paintRamp(
  { context, theme }: Surface,
  [low, high]: readonly [number, number],
  name: string,
  left: number,
  top: number,
  height: number,
): void {
  for (let at = 0; at < height; at++) {
    context.fillStyle = ramp(1 - at / height)
    context.fillRect(left, top + at, 8, 1.5)
  }
  context.font = `10px ${theme.font}`
  context.fillStyle = theme.faint
  context.textAlign = "left"
  context.textBaseline = "top"
  context.fillText(short(high), left + 11, top)
  context.textBaseline = "bottom"
  context.fillText(short(low), left + 11, top + height)
  context.save()
  context.translate(left + 24, top + height / 2)
  context.rotate(-Math.PI / 2)
  context.textAlign = "center"
  context.fillStyle = theme.muted
  context.fillText(name.length > 24 ? `${name.slice(0, 23)}…` : name, 0, 0)
  context.restore()
}

const short = (number: number) => value(Number(number.toPrecision(3)))
