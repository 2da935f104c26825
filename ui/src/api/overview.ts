/** Figures about everything: runs by state and day, and how much is kept. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query"
import { timesInUtc } from "../lib/prefs"
import { call } from "./client"

const WEEKS = 26
const KEPT_MS = 600_000

/** Runs by state, and by the day they began as this browser's clock has it. */
export const overviewQuery = () => {
  const utc_offset_minutes = timesInUtc.get() ? 0 : -new Date().getTimezoneOffset()
  return queryOptions({
    queryKey: ["overview", utc_offset_minutes],
    queryFn: ({ signal }) =>
      call("getOverview", { days: WEEKS * 7, utc_offset_minutes }, { signal }),
    staleTime: 30_000,
  })
}

/** How many runs each of some experiments has outside the trash, and how many of them go on. */
export const runCountsQuery = (experiment_ids: readonly string[]) =>
  queryOptions({
    queryKey: ["experiments", "counts", experiment_ids],
    queryFn: async ({ signal }) => {
      const asked = { experiment_ids: [...experiment_ids], days: 1 }
      const { experiments = [] } = await call("getOverview", asked, { signal })
      return experiments.map(({ experiment_id, runs }) => ({
        experiment_id,
        total: Object.values(runs).reduce((sum, some) => sum + some, 0),
        running: runs["RUNNING"] ?? 0,
      }))
    },
    enabled: experiment_ids.length > 0,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  })

/** What is kept, as it was added up in the last ten minutes; added up anew by `storageAnew`. */
export const storageQuery = () =>
  queryOptions({
    queryKey: ["storage"],
    queryFn: ({ signal }) => call("getStorage", {}, { signal }),
    staleTime: KEPT_MS,
  })

export const storageAnew = () => call("getStorage", { max_age_s: 0 })
