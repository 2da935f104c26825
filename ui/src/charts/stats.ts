/** Figures about columns of numbers; what is not finite is left out. */

export interface Spread5 {
  low: number
  q1: number
  median: number
  q3: number
  high: number
  /** Beyond one and a half times the box's height. */
  outliers: number[]
  count: number
}

/** What a box plot shows of *values* (Tukey); null when none is finite. */
export function spreadOf(values: readonly number[]): Spread5 | null {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  if (sorted.length === 0) return null
  const [q1, median, q3] = [quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)]
  const reach = 1.5 * (q3 - q1)
  const inside = sorted.filter((value) => value >= q1 - reach && value <= q3 + reach)
  return {
    low: inside[0] ?? q1,
    q1,
    median,
    q3,
    high: inside.at(-1) ?? q3,
    outliers: sorted.filter((value) => value < q1 - reach || value > q3 + reach),
    count: sorted.length,
  }
}

/** Between neighbours by their distance (R's type 7). */
export function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share
  const below = sorted[Math.floor(at)] ?? Number.NaN
  const above = sorted[Math.ceil(at)] ?? below
  return below + (above - below) * (at - Math.floor(at))
}

export interface Trend {
  slope: number
  intercept: number
  r: number
}

/** The least-squares line through points, and how well it fits; null for fewer than two places. */
export function trendOf(points: readonly (readonly [number, number])[]): Trend | null {
  const finite = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
  const n = finite.length
  if (n < 2) return null
  const meanX = finite.reduce((sum, [x]) => sum + x, 0) / n
  const meanY = finite.reduce((sum, [, y]) => sum + y, 0) / n
  let xx = 0
  let yy = 0
  let xy = 0
  for (const [x, y] of finite) {
    xx += (x - meanX) ** 2
    yy += (y - meanY) ** 2
    xy += (x - meanX) * (y - meanY)
  }
  if (xx === 0) return null
  const slope = xy / xx
  return { slope, intercept: meanY - slope * meanX, r: yy === 0 ? 0 : xy / Math.sqrt(xx * yy) }
}

/** Pearson's correlation of the rows where both columns are finite; NaN for fewer than three, or
 * where one of the two is the same in all. */
export function correlation(a: readonly number[], b: readonly number[]): number {
  const pairs = a.map((x, at) => [x, b[at] ?? Number.NaN] as const)
  const both = pairs.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
  const [first] = both
  if (!first || both.length < 3 || both.every(([, y]) => y === first[1])) return Number.NaN
  return trendOf(both)?.r ?? Number.NaN
}

/** Whether a place is within a polygon (even-odd). */
export function isInside(
  { x, y }: { x: number; y: number },
  polygon: readonly { x: number; y: number }[],
): boolean {
  let inside = false
  for (let at = 0, before = polygon.length - 1; at < polygon.length; before = at++) {
    const one = polygon[at]
    const other = polygon[before]
    if (!one || !other) continue
    const crosses =
      one.y > y !== other.y > y && x < ((other.x - one.x) * (y - one.y)) / (other.y - one.y) + one.x
    if (crosses) inside = !inside
  }
  return inside
}

/** Heights on a grid of *columns* by *rows* over the unit square, by inverse distance (Shepard). */
export function surfaceOf(
  points: readonly { x: number; y: number; z: number }[],
  columns: number,
  rows: number,
): Float64Array {
  const out = new Float64Array(columns * rows)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [x, y] = [(column + 0.5) / columns, (row + 0.5) / rows]
      let sum = 0
      let total = 0
      for (const one of points) {
        const distance = (one.x - x) ** 2 + (one.y - y) ** 2 + 1e-6
        const weight = 1 / (distance * distance)
        sum += weight * one.z
        total += weight
      }
      out[row * columns + column] = sum / total
    }
  }
  return out
}
