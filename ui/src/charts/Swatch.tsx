import type { Stroke } from "../lib/colours"

/** The line of a run, small: its colour, and its dash as second channel. */
export function Swatch({ stroke, width = 12 }: { stroke: Stroke; width?: number }) {
  return (
    <svg width={width} height={8} viewBox={`0 0 ${width} 8`} aria-hidden="true">
      <line
        x1="0"
        x2={width}
        y1="4"
        y2="4"
        strokeWidth="2.5"
        strokeDasharray={stroke.dash.map((length) => length * 0.75).join(" ")}
        style={{ stroke: `light-dark(${stroke.light}, ${stroke.dark})` }}
      />
    </svg>
  )
}
