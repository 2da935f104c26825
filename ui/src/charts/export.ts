/** Charts as files. */

import type { Stroke } from "../lib/colours"
import { durationTick, numberTick, xText, type Range, type XKind } from "./axes"
import type { Line, Reference } from "./line"
import { markAt, type Mark } from "./series"

export function save(name: string, content: Blob | string, type = "text/plain"): void {
  const blob = typeof content === "string" ? new Blob([content], { type }) : content
  const link = document.createElement("a")
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

/** A file name out of a title. */
export function fileName(title: string, ending: string): string {
  const safe = title.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^-+|-+$/g, "")
  return `${safe || "chart"}.${ending}`
}

export interface SvgFrame {
  title: string
  width: number
  height: number
  x: Range
  y: Range
  kind: XKind
  logX: boolean
  logY: boolean
  xName: string
  references: readonly Reference[]
}

const INK = "#141d1b"
const GRID = "#e2e7e5"
const EDGE = { left: 64, right: 16, top: 32, bottom: 40 }

/** A chart of lines as SVG, on white, with as many groups as it has series. */
export function lineSvg(lines: readonly Line[], frame: SvgFrame): string {
  const { width, height } = frame
  const inner = { width: width - EDGE.left - EDGE.right, height: height - EDGE.top - EDGE.bottom }
  const scaleX = placed(frame.x, frame.logX, EDGE.left, inner.width)
  const scaleY = placed([frame.y[1], frame.y[0]], frame.logY, EDGE.top, inner.height)
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="11" data-series="${lines.length}">`,
    `<title>${escaped(frame.title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${EDGE.left}" y="18" font-size="13" font-weight="600" fill="${INK}">${escaped(frame.title)}</text>`,
    `<clipPath id="plot"><rect x="${EDGE.left}" y="${EDGE.top}" width="${inner.width}" height="${inner.height}"/></clipPath>`,
  ]
  for (const tick of steps(frame.y, frame.logY, 6)) {
    const y = scaleY(tick.at)
    out.push(
      `<path d="M${EDGE.left} ${r(y)}h${inner.width}" stroke="${GRID}"/>`,
      `<text x="${EDGE.left - 6}" y="${r(y + 4)}" text-anchor="end" fill="${INK}">${tick.text}</text>`,
    )
  }
  for (const tick of steps(frame.x, frame.logX, 7, frame.kind)) {
    const x = scaleX(tick.at)
    out.push(
      `<text x="${r(x)}" y="${height - EDGE.bottom + 16}" text-anchor="middle" fill="${INK}">${tick.text}</text>`,
    )
  }
  out.push(
    `<text x="${EDGE.left + inner.width / 2}" y="${height - 8}" text-anchor="middle" fill="${INK}">${escaped(frame.xName)}</text>`,
    `<g clip-path="url(#plot)" fill="none" stroke-width="1.5" stroke-linejoin="round">`,
  )
  for (const { label, stroke, series, raw } of lines) {
    out.push(`<g data-line="${escaped(label)}">`)
    if (raw) {
      const behind = path(series.x, raw, scaleX, scaleY)
      out.push(`<path d="${behind}" stroke="${stroke.light}" stroke-opacity="0.25"/>`)
    }
    if (!series.isRaw) {
      const band = bandPath(series.x, series.low, series.high, scaleX, scaleY)
      out.push(`<path d="${band}" fill="${stroke.light}" fill-opacity="0.15"/>`)
    }
    const dash = dashOf(stroke)
    out.push(
      `<path d="${path(series.x, series.y, scaleX, scaleY)}" stroke="${stroke.light}"${dash}/>`,
      `<title>${escaped(label)}</title></g>`,
    )
  }
  for (const { label, series, stroke } of lines) {
    const marks = [...series.x.keys()].flatMap((at) => {
      const mark = markAt(series, at, frame.logY)
      const x = scaleX(series.x[at] as number)
      return mark === null ? [] : [markPath(mark, x, EDGE.top, EDGE.top + inner.height)]
    })
    if (marks.length === 0) continue
    out.push(
      `<g data-marks="${escaped(label)}" stroke="${stroke.light}" fill="${stroke.light}">`,
      ...marks,
      "</g>",
    )
  }
  for (const { label, y } of frame.references) {
    const at = r(scaleY(y))
    out.push(
      `<g data-reference="${escaped(label)}"><path d="M${EDGE.left} ${at}h${inner.width}" stroke="${INK}" stroke-dasharray="6 4"/>`,
      `<text x="${width - EDGE.right - 4}" y="${r(at - 4)}" text-anchor="end" fill="${INK}">${escaped(label)}</text></g>`,
    )
  }
  out.push("</g></svg>")
  return out.join("\n")
}

function dashOf({ dash }: Stroke): string {
  return dash.length > 0 ? ` stroke-dasharray="${dash.join(" ")}"` : ""
}

/** Infinities point out of the frame, at its top or foot; what has no place is at the foot. */
function markPath(mark: Mark, x: number, top: number, foot: number): string {
  const [at, size] = [r(x), 4]
  const d = {
    Infinity: `M${at} ${top}l${-size} ${size * 1.6}h${size * 2}z`,
    "-Infinity": `M${at} ${foot}l${-size} ${-size * 1.6}h${size * 2}z`,
    "not above zero": `M${at} ${foot}l${-size} ${-size * 1.6}h${size * 2}z`,
    NaN: `M${r(x - size)} ${foot - 2 * size}l${size * 2} ${size * 2}m${-size * 2} 0l${size * 2} ${-size * 2}`,
  }[mark]
  return `<path data-mark="${mark}" d="${d}"/>`
}

type Place = (value: number) => number

function placed([from, to]: Range, isLog: boolean, offset: number, length: number): Place {
  const as = isLog ? Math.log10 : (value: number) => value
  const start = as(from)
  return (value) => offset + ((as(value) - start) / (as(to) - start)) * length
}

function path(xs: Float64Array, ys: Float64Array, scaleX: Place, scaleY: Place): string {
  let text = ""
  let isDown = false
  xs.forEach((x, at) => {
    const [px, py] = [scaleX(x), scaleY(ys[at] ?? Number.NaN)]
    const isThere = Number.isFinite(px) && Number.isFinite(py)
    if (isThere) text += `${isDown ? "L" : "M"}${r(px)} ${r(py)}`
    isDown = isThere
  })
  return text
}

function bandPath(
  xs: Float64Array,
  low: Float64Array,
  high: Float64Array,
  scaleX: Place,
  scaleY: Place,
): string {
  const there = [...xs.keys()].filter((at) => Number.isFinite(scaleY(low[at] ?? Number.NaN)))
  if (there.length === 0) return ""
  const edge = (ys: Float64Array) => (at: number) =>
    `${r(scaleX(xs[at] as number))} ${r(scaleY(ys[at] as number))}`
  return `M${[...there.map(edge(high)), ...there.reverse().map(edge(low))].join("L")}Z`
}

const r = (value: number) => Math.round(value * 100) / 100

/** Round places between the ends of a scale. */
export function steps(
  [low, high]: Range,
  isLog: boolean,
  about: number,
  kind: XKind = "step",
): { at: number; text: string }[] {
  if (isLog) {
    const from = Math.ceil(Math.log10(low))
    const count = Math.floor(Math.log10(high)) - from + 1
    return Array.from({ length: Math.max(0, count) }, (_, power) => {
      const at = 10 ** (from + power)
      return { at, text: numberTick(at, at) }
    })
  }
  const rough = (high - low) / about
  const power = 10 ** Math.floor(Math.log10(rough))
  const apart = ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10) * power
  const first = Math.ceil(low / apart)
  const count = Math.floor(high / apart) - first + 1
  return Array.from({ length: Math.max(0, Math.min(count, 50)) }, (_, n) => {
    const at = (first + n) * apart
    if (kind === "time") return { at, text: xText("time", at).slice(5, 16) }
    if (kind === "relative") return { at, text: durationTick(at, apart) }
    return { at, text: numberTick(at, apart) }
  })
}

export function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replace(/[^\P{C}\n\t]/gu, " ")
}
