import { useQueries } from "@tanstack/react-query"
import type { FindRunKeys } from "../../api/generated"
import type { View } from "../../lib/view"
import { columnFacts } from "./columns"
import { runKeysQuery } from "./ColumnPicker"

const KINDS = { metrics: "metric", params: "param", tags: "tag" } as const

/** *columns* without those that are the same in all matching runs, or empty in all, when that is wished. */
export function useNarrowed(
  columns: readonly string[],
  matching: Pick<FindRunKeys, "experiment_ids" | "filter" | "text" | "view">,
  view: Pick<View, "differing" | "withValues">,
): readonly string[] {
  const isOn = view.differing || view.withValues
  const keyed = columns.map(columnFacts).filter(({ kind }) => kind in KINDS)
  const facts = useQueries({
    queries: keyed.map(({ kind, key }) => ({
      ...runKeysQuery({
        ...matching,
        kind: KINDS[kind as keyof typeof KINDS],
        prefix: key,
        limit: 50,
      }),
      enabled: isOn,
    })),
  })
  if (!isOn || facts.some(({ data }) => data === undefined)) return columns
  const gone = new Set(
    keyed
      .filter(({ key }, at) => {
        const answer = facts[at]?.data
        const found = answer?.keys?.find((one) => one.key === key)
        if (!found || found.runs === 0) return true
        return view.differing && found.distinct < 2 && found.runs === (answer?.runs ?? 0)
      })
      .map(({ id }) => id),
  )
  return columns.filter((id) => !gone.has(id))
}
