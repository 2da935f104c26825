/** The index of the entry of ascending *xs* that is nearest to *x*; -1 when there is none. */
export function nearest(xs: Float64Array, x: number): number {
  let low = 0
  let high = xs.length - 1
  if (high < 0) return -1
  while (low < high) {
    const at = (low + high) >> 1
    if ((xs[at] ?? 0) < x) low = at + 1
    else high = at
  }
  const before = xs[low - 1]
  return before !== undefined && x - before <= Math.abs((xs[low] ?? 0) - x) ? low - 1 : low
}
