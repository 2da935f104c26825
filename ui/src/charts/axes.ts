/** What the axes of all charts share: what x may mean, and how its numbers read. */

import { dateTime, duration, value } from "../lib/format"

/** What x means; for `metric`, the metric's name is told beside it. */
export type XKind = "step" | "time" | "relative" | "metric"

export const X_KINDS: readonly (readonly [XKind, string])[] = [
  ["step", "Step"],
  ["relative", "Relative time"],
  ["time", "Wall time"],
  ["metric", "A metric"],
]

export type Range = readonly [number, number]

/** An x as people read it. */
export function xText(kind: XKind, x: number, utc = false): string {
  if (kind === "time") return dateTime(x, utc)
  if (kind === "relative") return duration(x)
  return value(Math.abs(x - Math.round(x)) < 1e-9 ? Math.round(x) : x)
}

export function xLabel(kind: XKind, metric?: string): string {
  if (kind === "metric") return metric ?? "metric"
  return { step: "step", time: "wall time", relative: "time since start" }[kind]
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Distances between ticks of an axis of durations, in milliseconds. */
export const DURATION_STEPS: number[] = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].map((n) => n * DAY),
]

/** A tick of an axis of durations: as short as its neighbours let it be. */
export function durationTick(ms: number, apart: number): string {
  const sign = ms < 0 ? "−" : ""
  const size = Math.abs(ms)
  if (size === 0) return "0"
  if (apart >= DAY) return `${sign}${Math.round(size / DAY)} d`
  if (apart >= HOUR) return `${sign}${Math.round(size / HOUR)} h`
  if (apart >= MINUTE) {
    const minutes = Math.round(size / MINUTE)
    if (minutes < 60) return `${sign}${minutes} min`
    const rest = minutes % 60
    return `${sign}${Math.floor(minutes / 60)} h${rest ? ` ${rest}` : ""}`
  }
  if (apart >= SECOND) {
    const seconds = Math.round(size / SECOND)
    if (seconds < 60) return `${sign}${seconds} s`
    return `${sign}${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`
  }
  return `${sign}${Number((size / SECOND).toPrecision(6))} s`
}

/** A tick of a numeric axis: with as many digits as the distance to its neighbours asks for. */
export function numberTick(number: number, apart: number): string {
  const size = Math.abs(number)
  if (size < apart * 1e-6) return "0"
  if (size >= 1e6 || size < 1e-4) {
    const digits = Math.max(
      0,
      Math.min(6, Math.floor(Math.log10(size)) - Math.floor(Math.log10(apart))),
    )
    return number
      .toExponential(digits)
      .replace(/(\.\d*?)0+e/, "$1e")
      .replace(".e", "e")
      .replace("e+", "e")
      .replace(/^-/, "−")
  }
  const digits = Math.max(0, Math.min(8, -Math.floor(Math.log10(apart) + 1e-9)))
  const text = Number(number.toFixed(digits)).toString()
  const [whole = "", fraction] = text.split(".")
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f")
  return (fraction ? `${grouped}.${fraction}` : grouped).replace(/^-/, "−")
}

/** *range* a little wider, so that nothing sticks to the edges; equal ends come apart. */
export function padded([low, high]: Range, isLog: boolean, share = 0.05): Range {
  if (isLog) {
    const ratio = low === high ? 2 : Math.pow(high / low, share)
    return [low / ratio, high * ratio]
  }
  if (low === high) {
    const reach = Math.abs(low) * 0.1 || 1
    return [low - reach, high + reach]
  }
  const reach = (high - low) * share
  return [low - reach, high + reach]
}
