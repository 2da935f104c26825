/** Smoothing of a series. Entries that are not finite are left as they are and weigh nothing. */

export type Smoothing =
  | { kind: "none" }
  /** `amount` from 0 (nothing) towards 1: how much of the past stays with each step. */
  | { kind: "ema"; amount: number }
  /** `amount`: the standard deviation, in entries. */
  | { kind: "gaussian"; amount: number }
  /** `amount`: how many entries are averaged, half of them on either side. */
  | { kind: "mean"; amount: number }

export type SmoothingKind = Smoothing["kind"]

export function smooth(values: Float64Array, how: Smoothing): Float64Array {
  switch (how.kind) {
    case "none":
      return values
    case "ema":
      return ema(values, how.amount)
    case "gaussian":
      return gaussian(values, how.amount)
    case "mean":
      return runningMean(values, how.amount)
  }
}

/** Exponential moving average without the pull towards zero of its beginning (Adam's correction). */
function ema(values: Float64Array, weight: number): Float64Array {
  let sum = 0
  let left = 1
  return values.map((value) => {
    if (!Number.isFinite(value)) return value
    sum = sum * weight + value * (1 - weight)
    left *= weight
    return sum / (1 - left)
  })
}

function gaussian(values: Float64Array, sigma: number): Float64Array {
  if (sigma <= 0) return values
  const reach = Math.ceil(3 * sigma)
  const weights = Float64Array.from({ length: reach + 1 }, (_, off) =>
    Math.exp(-(off * off) / (2 * sigma * sigma)),
  )
  return values.map((value, at) => {
    if (!Number.isFinite(value)) return value
    let sum = 0
    let total = 0
    const end = Math.min(values.length - 1, at + reach)
    for (let other = Math.max(0, at - reach); other <= end; other++) {
      const near = values[other] ?? Number.NaN
      if (!Number.isFinite(near)) continue
      const weight = weights[Math.abs(other - at)] ?? 0
      sum += near * weight
      total += weight
    }
    return sum / total
  })
}

function runningMean(values: Float64Array, width: number): Float64Array {
  const reach = Math.max(0, Math.floor(width / 2))
  return values.map((value, at) => {
    if (!Number.isFinite(value)) return value
    let sum = 0
    let count = 0
    const end = Math.min(values.length - 1, at + reach)
    for (let other = Math.max(0, at - reach); other <= end; other++) {
      const near = values[other] ?? Number.NaN
      if (!Number.isFinite(near)) continue
      sum += near
      count++
    }
    return sum / count
  })
}
