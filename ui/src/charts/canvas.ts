/** What the charts that we draw ourselves share: a sharp canvas, colours, axes. */

import { tokenColour } from "../lib/theme"
import { steps } from "./export"
import { isDarkColour } from "./look"
import type { Range } from "./axes"

export interface Theme {
  ink: string
  muted: string
  faint: string
  grid: string
  ground: string
  sunken: string
  accent: string
  font: string
  isDark: boolean
}

export function readTheme(): Theme {
  const ground = tokenColour("--surface")
  return {
    ink: tokenColour("--ink"),
    muted: tokenColour("--ink-muted"),
    faint: tokenColour("--ink-faint"),
    grid: tokenColour("--edge"),
    ground,
    sunken: tokenColour("--sunken"),
    accent: tokenColour("--accent"),
    font: getComputedStyle(document.body).fontFamily || "sans-serif",
    isDark: isDarkColour(ground),
  }
}

export interface Surface {
  context: CanvasRenderingContext2D
  /** In CSS pixels. */
  width: number
  height: number
  theme: Theme
}

export interface Box {
  left: number
  top: number
  width: number
  height: number
}

export type Scale = (value: number) => number

export function linear([from, to]: Range, start: number, end: number): Scale {
  const by = to === from ? 0 : (end - start) / (to - from)
  return (value) => start + (value - from) * by
}

export function logarithmic([from, to]: Range, start: number, end: number): Scale {
  const scale = linear([Math.log10(from), Math.log10(to)], start, end)
  return (value) => (value > 0 ? scale(Math.log10(value)) : Number.NaN)
}

export function scaleOf(range: Range, isLog: boolean, start: number, end: number): Scale {
  return isLog ? logarithmic(range, start, end) : linear(range, start, end)
}

/** A drawing that is kept as a picture, and what it is a drawing of. */
export interface Layer {
  of: readonly unknown[]
  picture: HTMLCanvasElement
}

/**
 * What *paint* draws, from its picture when it has drawn at this size and in these colours before: what
 * follows the pointer is drawn above, and thousands of lines below it are not drawn for each of its moves.
 */
export function layered(
  surface: Surface,
  layer: Layer | null,
  paint: (surface: Surface) => void,
): Layer {
  const { context, width, height, theme } = surface
  const ratio = context.getTransform().a
  const of = [paint, width, height, ratio, theme.ground, theme.ink]
  let drawn = layer
  if (!drawn?.of.every((part, at) => part === of[at])) {
    const picture = document.createElement("canvas")
    picture.width = context.canvas.width
    picture.height = context.canvas.height
    const inner = picture.getContext("2d")
    drawn = { of, picture }
    if (!inner) return drawn
    inner.setTransform(ratio, 0, 0, ratio, 0, 0)
    paint({ ...surface, context: inner })
  }
  context.save()
  context.setTransform(1, 0, 0, 1, 0, 0)
  context.drawImage(drawn.picture, 0, 0)
  context.restore()
  return drawn
}

/** The place for a plot between its axes. */
export function inner({ width, height }: Surface, left = 56): Box {
  return { left, top: 10, width: width - left - 14, height: height - 46 }
}

export interface Axis {
  range: Range
  isLog: boolean
  name: string
}

/** Grid, ticks and names of two numeric axes. */
export function drawAxes(surface: Surface, box: Box, x: Axis | null, y: Axis | null): void {
  const { context, theme } = surface
  context.font = `11px ${theme.font}`
  context.lineWidth = 1
  if (y) {
    const scale = scaleOf(y.range, y.isLog, box.top + box.height, box.top)
    context.textAlign = "right"
    context.textBaseline = "middle"
    for (const { at, text } of steps(y.range, y.isLog, Math.max(2, box.height / 44))) {
      const py = Math.round(scale(at)) + 0.5
      context.strokeStyle = theme.grid
      line(context, box.left, py, box.left + box.width, py)
      context.fillStyle = theme.faint
      context.fillText(text, box.left - 6, py)
    }
    context.save()
    context.translate(11, box.top + box.height / 2)
    context.rotate(-Math.PI / 2)
    context.textAlign = "center"
    context.fillStyle = theme.muted
    context.fillText(shortened(context, y.name, box.height), 0, 0)
    context.restore()
  }
  if (x) {
    const scale = scaleOf(x.range, x.isLog, box.left, box.left + box.width)
    context.textAlign = "center"
    context.textBaseline = "top"
    for (const { at, text } of steps(x.range, x.isLog, Math.max(2, box.width / 80))) {
      const px = Math.round(scale(at)) + 0.5
      context.strokeStyle = theme.grid
      line(context, px, box.top, px, box.top + box.height)
      context.fillStyle = theme.faint
      context.fillText(text, px, box.top + box.height + 5)
    }
    context.fillStyle = theme.muted
    context.fillText(
      shortened(context, x.name, box.width),
      box.left + box.width / 2,
      box.top + box.height + 20,
    )
  }
}

export function line(
  context: CanvasRenderingContext2D,
  fromX: number,
  fromY: number,
  toX: number,
  toY: number,
): void {
  context.beginPath()
  context.moveTo(fromX, fromY)
  context.lineTo(toX, toY)
  context.stroke()
}

/** *text* with its middle left out when it is wider than *width*. */
export function shortened(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text
  let keep = Math.floor(text.length / 2)
  while (keep > 1) {
    const short = `${text.slice(0, keep)}…${text.slice(text.length - keep)}`
    if (context.measureText(short).width <= width) return short
    keep--
  }
  return `${text.slice(0, 1)}…`
}

// Viridis, at nine places: even in lightness, and told apart with any colour vision.
const RAMP = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
] as const

/** A colour for a *share* from 0 to 1. */
export function ramp(share: number, alpha = 1): string {
  const at = Math.max(0, Math.min(1, Number.isFinite(share) ? share : 0)) * (RAMP.length - 1)
  const below = RAMP[Math.floor(at)] ?? RAMP[0]
  const above = RAMP[Math.min(RAMP.length - 1, Math.floor(at) + 1)] ?? RAMP[0]
  const mix = at - Math.floor(at)
  const [red, green, blue] = below.map((part, channel) =>
    Math.round(part + ((above[channel] ?? part) - part) * mix),
  )
  return `rgb(${red} ${green} ${blue} / ${alpha})`
}

/** From blue over the ground to red, for a *share* from -1 to 1. */
export function diverging(share: number, isDark: boolean): string {
  const size = Math.min(1, Math.abs(share)) * 100
  const end = share < 0 ? (isDark ? "#5ba0e0" : "#1b5fae") : isDark ? "#f58a80" : "#b3261e"
  const [red, green, blue] = channels(end)
  const [r, g, b] = isDark ? [28, 35, 34] : [246, 248, 247]
  const mix = (from: number, to: number) => Math.round(from + ((to - from) * size) / 100)
  return `rgb(${mix(r, red)} ${mix(g, green)} ${mix(b, blue)})`
}

function channels(hex: string): [number, number, number] {
  const number = Number.parseInt(hex.slice(1), 16)
  return [number >> 16, (number >> 8) & 255, number & 255]
}
