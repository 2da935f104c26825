/** What two texts have of each other, by lines. */

export interface DiffLine {
  kind: "same" | "added" | "removed"
  text: string
  /** Numbers of the line in the first and in the second text, from 1. */
  before: number | null
  after: number | null
}

/** Beyond so many differing lines the search ends: all of it counts as replaced. */
const MOST_EDITS = 2_000

/**
 * The shortest way from one text to the other. Source: E. Myers, "An O(ND) Difference Algorithm and
 * Its Variations", 1986, with the paths of each round kept for the way back.
 */
export function diffLines(first: string, second: string): DiffLine[] {
  const a = lines(first)
  const b = lines(second)
  let start = 0
  while (start < a.length && start < b.length && a[start] === b[start]) start++
  let end = 0
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end))
    end++
  const same = (from: number, to: number, shift: number): DiffLine[] =>
    a.slice(from, to).map((text, at) => ({
      kind: "same",
      text,
      before: from + at + 1,
      after: from + at + shift + 1,
    }))
  return [
    ...same(0, start, 0),
    ...middle(a.slice(start, a.length - end), b.slice(start, b.length - end), start),
    ...same(a.length - end, a.length, b.length - a.length),
  ]
}

function middle(a: string[], b: string[], offset: number): DiffLine[] {
  const removed = (at: number): DiffLine => ({
    kind: "removed",
    text: a[at] ?? "",
    before: offset + at + 1,
    after: null,
  })
  const added = (at: number): DiffLine => ({
    kind: "added",
    text: b[at] ?? "",
    before: null,
    after: offset + at + 1,
  })
  const rounds: Map<number, number>[] = []
  let reach = new Map([[1, 0]])
  const most = Math.min(a.length + b.length, MOST_EDITS)
  for (let edits = 0; edits <= most; edits++) {
    rounds.push(reach)
    const next = new Map<number, number>()
    for (let k = -edits; k <= edits; k += 2) {
      const down = k === -edits || (k !== edits && at(reach, k - 1) < at(reach, k + 1))
      let x = down ? at(reach, k + 1) : at(reach, k - 1) + 1
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++
      next.set(k, x)
      if (x >= a.length && x - k >= b.length) return back(a, b, offset, rounds, added, removed)
    }
    reach = next
  }
  return [...a.keys()].map(removed).concat([...b.keys()].map(added))
}

function back(
  a: string[],
  b: string[],
  offset: number,
  rounds: readonly Map<number, number>[],
  added: (at: number) => DiffLine,
  removed: (at: number) => DiffLine,
): DiffLine[] {
  const found: DiffLine[] = []
  let x = a.length
  let y = b.length
  for (let edits = rounds.length - 1; edits >= 0; edits--) {
    const reach = rounds[edits] ?? new Map<number, number>()
    const k = x - y
    const down = k === -edits || (k !== edits && at(reach, k - 1) < at(reach, k + 1))
    const fromK = down ? k + 1 : k - 1
    const fromX = edits === 0 ? 0 : at(reach, fromK)
    const fromY = edits === 0 ? 0 : fromX - fromK
    while (x > fromX && y > fromY) {
      x--
      y--
      found.push({ kind: "same", text: a[x] ?? "", before: offset + x + 1, after: offset + y + 1 })
    }
    if (edits === 0) break
    if (down) found.push(added(--y))
    else found.push(removed(--x))
  }
  return found.reverse()
}

const at = (reach: Map<number, number>, k: number) => reach.get(k) ?? -1

function lines(text: string): string[] {
  const found = text.replaceAll("\r\n", "\n").split("\n")
  if (found.at(-1) === "") found.pop()
  return found
}

/** Changed lines with *around* of those beside them; null stands for what is left out. */
export function hunks(all: readonly DiffLine[], around = 3): (DiffLine | null)[] {
  const near = new Set<number>()
  all.forEach(({ kind }, place) => {
    if (kind === "same") return
    for (let by = -around; by <= around; by++) near.add(place + by)
  })
  const found: (DiffLine | null)[] = []
  all.forEach((line, place) => {
    if (near.has(place)) found.push(line)
    else if (found.at(-1) !== null) found.push(null)
  })
  return found
}
