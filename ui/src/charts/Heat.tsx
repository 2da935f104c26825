import { useMemo, useState } from "react"
import { Canvas, type CanvasHandle, type Point } from "./Canvas"
import { diverging, shortened, type Surface } from "./canvas"
import { Tip } from "./Tip"

/** How each column goes along with each other: from −1 (blue) over nothing to 1 (red). */
export function Heat({
  names,
  values,
  marked,
  onDrawn,
  onReady,
}: {
  names: readonly string[]
  /** By row and column; NaN where there is nothing to say. */
  values: readonly (readonly number[])[]
  /** The field under the cursor of the keyboard, counted row by row. */
  marked: number
  onDrawn: () => void
  onReady: (handle: CanvasHandle | null) => void
}) {
  const [tip, setTip] = useState<{
    at: Point
    row: number
    column: number
    isRight: boolean
  } | null>(null)
  const [size, setSize] = useState({ left: 96, top: 8, cell: 20, wide: 20 })
  const draw = useMemo(
    () => (surface: Surface) => {
      const { context, theme, width, height } = surface
      const n = Math.max(names.length, 1)
      const left = Math.min(130, width * 0.3)
      const wide = (width - left - 10) / n
      const cell = (height - 34) / n
      setSize((before) =>
        before.left === left && before.cell === cell && before.wide === wide
          ? before
          : { left, top: 6, cell, wide },
      )
      context.font = `11px ${theme.font}`
      context.textBaseline = "middle"
      names.forEach((name, row) => {
        const middle = 6 + cell * (row + 0.5)
        context.textAlign = "right"
        context.fillStyle = theme.muted
        if (cell >= 11) context.fillText(shortened(context, name, left - 14), left - 6, middle)
        names.forEach((_, column) => {
          const share = values[row]?.[column] ?? Number.NaN
          context.fillStyle = Number.isNaN(share) ? theme.sunken : diverging(share, theme.isDark)
          context.fillRect(left + wide * column + 0.5, 6 + cell * row + 0.5, wide - 1, cell - 1)
          if (wide < 34 || cell < 16 || Number.isNaN(share)) return
          context.textAlign = "center"
          context.fillStyle = Math.abs(share) > 0.6 ? theme.ground : theme.ink
          context.fillText(share.toFixed(2).replace("-", "−"), left + wide * (column + 0.5), middle)
        })
      })
      if (marked >= 0 && names.length > 0) {
        const [row, column] = [Math.floor(marked / names.length), marked % names.length]
        context.strokeStyle = theme.ink
        context.lineWidth = 2
        context.strokeRect(left + wide * column + 1, 6 + cell * row + 1, wide - 2, cell - 2)
      }
      context.textAlign = "center"
      context.fillStyle = theme.muted
      names.forEach((name, column) => {
        if (wide < 24) return
        context.fillText(
          shortened(context, name, wide - 4),
          left + wide * (column + 0.5),
          height - 16,
        )
      })
    },
    [names, values, marked],
  )
  const hit = tip && values[tip.row]?.[tip.column]
  return (
    <Canvas
      draw={draw}
      onDrawn={onDrawn}
      onReady={onReady}
      onMove={(at, event) => {
        const row = Math.floor((at.y - size.top) / size.cell)
        const column = Math.floor((at.x - size.left) / size.wide)
        const isIn = row >= 0 && column >= 0 && row < names.length && column < names.length
        setTip(
          isIn ? { at, row, column, isRight: at.x > event.currentTarget.clientWidth / 2 } : null,
        )
      }}
      onLeave={() => setTip(null)}
    >
      {tip && typeof hit === "number" && (
        <Tip
          left={tip.at.x}
          top={tip.at.y}
          isOnLeft={tip.isRight}
          lines={[
            `${names[tip.row] ?? ""} · ${names[tip.column] ?? ""}`,
            Number.isNaN(hit)
              ? "too few runs have both, or all have the same"
              : `correlation ${hit.toFixed(3)}`,
          ]}
        />
      )}
    </Canvas>
  )
}
