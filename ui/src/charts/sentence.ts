/** A chart in a sentence, for who does not see it. */

import { plural, value } from "../lib/format"
import { xLabel, xText, type XKind } from "./axes"
import type { Line } from "./line"
import { extent } from "./series"

/** What a chart of lines shows: how many, from where to where, the extremes, and where it goes. */
export function lineSentence(
  title: string,
  lines: readonly Line[],
  x: XKind,
  metric?: string,
): string {
  const xs = extent(lines.map(({ series }) => series.x))
  const ys = extent(lines.flatMap(({ series }) => [series.low, series.high]))
  if (!xs || !ys) return `${title}: ${plural(lines.length, "series", "series")} without any number.`
  const least = lines.find(({ series }) => series.low.includes(ys[0]))
  const most = lines.find(({ series }) => series.high.includes(ys[1]))
  const span = `${xLabel(x, metric)} ${xText(x, xs[0])} to ${xText(x, xs[1])}`
  return [
    `${title}: ${plural(lines.length, "series", "series")}, ${span}.`,
    `Least ${value(ys[0])}${least ? ` (${least.label})` : ""},`,
    `greatest ${value(ys[1])}${most ? ` (${most.label})` : ""}.`,
    trend(lines),
  ]
    .filter(Boolean)
    .join(" ")
}

/** Rising or falling, by the first and last finite values of most lines. */
function trend(lines: readonly Line[]): string {
  let up = 0
  let down = 0
  for (const { series } of lines) {
    const finite = series.y.filter(Number.isFinite)
    const [first, last] = [finite[0], finite.at(-1)]
    if (first === undefined || last === undefined) continue
    if (last > first) up++
    if (last < first) down++
  }
  if (up + down === 0) return ""
  if (up === 0) return lines.length === 1 ? "It falls." : "All fall."
  if (down === 0) return lines.length === 1 ? "It rises." : "All rise."
  return `${up} rise, ${down} fall.`
}
