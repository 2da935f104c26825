import { useMemo, useState } from "react"
import { value } from "../lib/format"
import { Canvas, type CanvasHandle, type Point } from "./Canvas"
import { linear, ramp, type Surface } from "./canvas"
import { steps } from "./export"
import type { Ridges as Data } from "./ridges"
import { Tip } from "./Tip"

/** Histograms one behind the other, the latest in front: how a distribution moves over steps. */
export function Ridges({
  data,
  name,
  hasHeat,
  marked,
  onDrawn,
  onReady,
}: {
  data: Data
  name: string
  /** As a map of colours instead. */
  hasHeat: boolean
  /** The ridge under the cursor of the keyboard. */
  marked: number
  onDrawn: () => void
  onReady: (handle: CanvasHandle | null) => void
}) {
  const [tip, setTip] = useState<{ at: Point; row: number; isRight: boolean } | null>(null)
  const [frame, setFrame] = useState({ top: 0, step: 1 })
  const draw = useMemo(
    () => (surface: Surface) => {
      const { context, theme, width, height } = surface
      const box = {
        left: 62,
        top: hasHeat ? 8 : 34,
        width: width - 76,
        height: height - (hasHeat ? 50 : 76),
      }
      const { ridges, low, high } = data
      const step = box.height / Math.max(ridges.length, 1)
      setFrame((before) =>
        before.top === box.top && before.step === step ? before : { top: box.top, step },
      )
      const scale = linear([low, high], box.left, box.left + box.width)
      const most = ridges.reduce(
        (so, { counts, total }) => Math.max(so, ...counts.map((count) => (count / total) * 1000)),
        1,
      )
      const lift = Math.max(step * 1.2, Math.min(46, box.height / 5))
      ridges.forEach(({ counts, total }, at) => {
        const foot = box.top + step * (at + 1)
        const bin = box.width / counts.length
        if (hasHeat) {
          counts.forEach((count, place) => {
            context.fillStyle = ramp(((count / total) * 1000) / most)
            context.fillRect(box.left + bin * place, foot - step, bin + 0.5, step + 0.5)
          })
          return
        }
        context.beginPath()
        context.moveTo(box.left, foot)
        counts.forEach((count, place) => {
          context.lineTo(
            box.left + bin * (place + 0.5),
            foot - (((count / total) * 1000) / most) * lift,
          )
        })
        context.lineTo(box.left + box.width, foot)
        context.fillStyle = theme.ground
        context.globalAlpha = 0.82
        context.fill()
        context.globalAlpha = 1
        context.strokeStyle = at === marked ? theme.ink : ramp(0.1 + (0.75 * at) / ridges.length)
        context.lineWidth = at === marked ? 2.5 : 1.2
        context.stroke()
      })
      context.font = `11px ${theme.font}`
      context.fillStyle = theme.faint
      context.textAlign = "right"
      context.textBaseline = "middle"
      const every = Math.max(1, Math.ceil(22 / step))
      ridges.forEach(({ x }, at) => {
        if (at % every === 0)
          context.fillText(value(Math.round(x)), box.left - 8, box.top + step * (at + 0.5))
      })
      context.textAlign = "center"
      context.textBaseline = "top"
      for (const { at, text } of steps([low, high], false, box.width / 80)) {
        context.fillText(text, scale(at), box.top + box.height + 6)
      }
      context.fillStyle = theme.muted
      context.fillText(name, box.left + box.width / 2, box.top + box.height + 22)
    },
    [data, name, hasHeat, marked],
  )
  const ridge = tip && data.ridges[tip.row]
  return (
    <Canvas
      draw={draw}
      onDrawn={onDrawn}
      onReady={onReady}
      onMove={(at, event) => {
        const row = Math.floor((at.y - frame.top) / frame.step)
        const isIn = row >= 0 && row < data.ridges.length
        setTip(isIn ? { at, row, isRight: at.x > event.currentTarget.clientWidth / 2 } : null)
      }}
      onLeave={() => setTip(null)}
    >
      {tip && ridge && (
        <Tip
          left={tip.at.x}
          top={tip.at.y}
          isOnLeft={tip.isRight}
          lines={[`from step ${value(Math.round(ridge.x))}`, `${value(ridge.total)} values`]}
        />
      )}
    </Canvas>
  )
}
