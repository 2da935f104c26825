/** Where in ascending *steps* the last one is that is not beyond *step*; the first when all are. */
export function stepAt(steps: readonly number[], step: number): number {
  let low = 0
  let high = steps.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((steps[middle] ?? 0) <= step) low = middle + 1
    else high = middle
  }
  return Math.max(0, low - 1)
}
