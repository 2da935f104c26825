import { useQueries } from "@tanstack/react-query"
import { useMemo } from "react"
import { listedQuery, type Listed } from "../../api/overview"
import { real } from "../../lib/numbers"

/** Rows are asked about in blocks, so that a row more in sight asks for nothing that is there. */
const BLOCK = 50
/** To sort by what is asked for, all are: so many at once, which is as long as an address may be. */
const MOST = 500

/** What columns show that experiments do not bear themselves; undefined: there is nothing. */
export const LISTED: Record<string, (one: Listed) => number | string | undefined> = {
  runs: (one) => one.total,
  best: ({ about }) => (about.best === undefined ? undefined : real(about.best)),
  owner: ({ about }) => about.owner || undefined,
  activity: ({ about }) => about.last_activity_ms,
  size: ({ about }) => about.bytes ?? 0,
}

export function blocksInSight(ids: readonly string[], [from, to]: readonly [number, number]) {
  const first = Math.floor(from / BLOCK)
  return chunks(ids.slice(first * BLOCK, (Math.floor(to / BLOCK) + 1) * BLOCK), BLOCK)
}

export const blocksOfAll = (ids: readonly string[]) => chunks(ids, MOST)

function chunks(ids: readonly string[], size: number): string[][] {
  return Array.from({ length: Math.ceil(ids.length / size) }, (_, at) =>
    ids.slice(at * size, (at + 1) * size),
  )
}

/** What is known of those experiments by now, one request for each block. */
export function useListed(blocks: readonly (readonly string[])[]): ReadonlyMap<string, Listed> {
  return useQueries({
    queries: blocks.map(listedQuery),
    combine: together,
  })
}

function together(found: readonly { data?: readonly Listed[] | undefined }[]) {
  return new Map(found.flatMap(({ data = [] }) => data.map((one) => [one.id, one] as const)))
}

/** *ids* by what a column shows; those without any come last, whichever way. */
export function useSorted(
  ids: readonly string[],
  listed: ReadonlyMap<string, Listed>,
  column: string,
  isDescending: boolean,
): readonly string[] {
  return useMemo(() => {
    const read = LISTED[column]
    if (!read) return ids
    const placed = ids.map((id) => {
      const one = listed.get(id)
      return [id, one && read(one)] as const
    })
    const sign = isDescending ? -1 : 1
    placed.sort(([, a], [, b]) => {
      if (a === undefined || b === undefined)
        return Number(a === undefined) - Number(b === undefined)
      return sign * (typeof a === "number" && typeof b === "number" ? a - b : compare(a, b))
    })
    return placed.map(([id]) => id)
  }, [ids, listed, column, isDescending])
}

const compare = (a: number | string, b: number | string) =>
  String(a).localeCompare(String(b), undefined, { numeric: true })
