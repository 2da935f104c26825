import type { Stroke } from "../lib/colours"
import { extent } from "./series"

/** A line as small as a word; its numbers stand beside it. */
export function Sparkline({
  values,
  stroke,
  width = 72,
  height = 18,
}: {
  values: Float64Array
  stroke?: Stroke
  width?: number
  height?: number
}) {
  const range = extent([values])
  if (!range) return null
  const [low, high] = range
  const x = (at: number) =>
    values.length < 2 ? width / 2 : 1 + (at / (values.length - 1)) * (width - 2)
  const y = (value: number) => height - 2 - ((value - low) / (high - low || 1)) * (height - 4)
  let path = ""
  let isDown = false
  values.forEach((value, at) => {
    const isThere = Number.isFinite(value)
    if (isThere) path += `${isDown ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`
    isDown = isThere
  })
  const colour = stroke ? `light-dark(${stroke.light}, ${stroke.dark})` : "var(--accent)"
  return (
    <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      <path
        d={path}
        fill="none"
        strokeWidth="1.4"
        strokeLinejoin="round"
        style={{ stroke: colour }}
      />
    </svg>
  )
}
