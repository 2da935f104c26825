/** Series as the server draws them: the points themselves, or buckets that hide no extreme. */

export interface Series {
  run: string
  key: string
  /** Whether each entry is a point; else it is a bucket. */
  isRaw: boolean
  x: Float64Array
  /** What the line goes through: values of points, means of buckets. */
  y: Float64Array
  /** Of what the entry stands for; for points they are `y` itself. */
  low: Float64Array
  high: Float64Array
  last: Float64Array
  /** How many points the entry stands for. */
  count: Uint32Array
}

export interface Answer {
  /** The width of a bucket in units of x. */
  width: number
  series: Series[]
}

const AGGREGATES = ["minimum", "maximum", "last", "mean"] as const
type Aggregate = (typeof AGGREGATES)[number]

/** What is asked for of each bucket. */
export const WANTED = [...AGGREGATES, "count"] as const

interface Header {
  version: number
  origin: number
  width: number
  precision: "float32" | "float64"
  aggregates: (Aggregate | "first" | "count")[]
  series: { run_id: string; key: string; is_raw: boolean; length: number }[]
}

/** Read the compact form, whose description is that of `querySeries`. */
export function fromBinary(body: ArrayBuffer): Answer {
  const size = new DataView(body).getUint32(0, true)
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(body, 4, size))) as Header
  let at = 4 + size
  const skip = (bytes: number) => {
    const start = at
    at += Math.ceil(bytes / 8) * 8
    return start
  }
  const doubles = (length: number) => new Float64Array(body, skip(length * 8), length)
  const whole = (length: number) => new Uint32Array(body, skip(length * 4), length)
  const values = (length: number) =>
    header.precision === "float64"
      ? doubles(length)
      : Float64Array.from(new Float32Array(body, skip(length * 4), length))
  const series = header.series.map(({ run_id: run, key, is_raw: isRaw, length }): Series => {
    if (isRaw) return points(run, key, doubles(length), values(length))
    const x = Float64Array.from(whole(length), (bucket) => middle(header, bucket))
    const columns: Partial<Record<Aggregate | "first", Float64Array>> = {}
    let count: Uint32Array = new Uint32Array()
    for (const name of header.aggregates) {
      if (name === "count") count = whole(length)
      else columns[name] = values(length)
    }
    const { minimum: low, maximum: high, last, mean: y } = columns
    return bucketed({ run, key, x, y, low, high, last, count })
  })
  return { width: header.width, series }
}

export function points(run: string, key: string, x: Float64Array, y: Float64Array): Series {
  const count = new Uint32Array(y.length).fill(1)
  return { run, key, isRaw: true, x, y, low: y, high: y, last: y, count }
}

type Columns = Partial<Series> & Pick<Series, "run" | "key" | "x" | "count">

/** A bucket without any finite value has no mean: what it holds is its last value. */
function bucketed({ run, key, x, count, ...rest }: Columns): Series {
  const none = new Float64Array()
  const { y = none, low = none, high = none, last = none } = rest
  for (let at = 0; at < y.length; at++) {
    if (!Number.isFinite(y[at])) y[at] = last[at] ?? Number.NaN
  }
  return { run, key, isRaw: false, x, y, low, high, last, count }
}

/** Steps and times are whole: the bucket [8, 16) stands at 11.5, one of width 1 at its step. */
function middle({ origin, width }: { origin: number; width: number }, bucket: number): number {
  return origin + bucket * width + (width >= 1 ? (width - 1) / 2 : width / 2)
}

/** Least and greatest finite number of *columns*, greater than *above*; null if there is none. */
export function extent(
  columns: readonly Float64Array[],
  above = Number.NEGATIVE_INFINITY,
): [number, number] | null {
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const column of columns) {
    for (const value of column) {
      if (!(value > above) || value === Number.POSITIVE_INFINITY) continue
      if (value < low) low = value
      if (value > high) high = value
    }
  }
  return low <= high ? [low, high] : null
}

/** The *share* smallest and greatest values left out on either side. */
export function inlierExtent(
  columns: readonly Float64Array[],
  share: number,
): [number, number] | null {
  const finite = columns.flatMap((column) => [...column]).filter(Number.isFinite)
  finite.sort((a, b) => a - b)
  const skip = Math.floor(finite.length * share)
  const low = finite[skip]
  const high = finite[finite.length - 1 - skip]
  return low === undefined || high === undefined ? null : [low, high]
}

/** Why an entry has no place on the scales, or not all of it. */
export type Mark = "NaN" | "Infinity" | "-Infinity" | "not above zero"

/** What stands at the edge of the chart for an entry; null: it is drawn as it is. */
export function markAt({ last, low }: Series, at: number, logY: boolean): Mark | null {
  const value = last[at] as number
  if (Number.isNaN(value)) return "NaN"
  if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity"
  return logY && !(Math.min(value, low[at] ?? value) > 0) ? "not above zero" : null
}
