/** Figures about everything: runs by state and day, and how much is kept. */

import { keepPreviousData, queryOptions } from "@tanstack/react-query"
import { timesInUtc } from "../lib/prefs"
import { call } from "./client"
import type { AboutExperiment } from "./generated"

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

/** An experiment as a list shows it. */
export interface Listed {
  id: string
  total: number
  running: number
  about: AboutExperiment
}

/** Runs of some experiments, and what a list shows of these besides: one request. */
export const listedQuery = (experiment_ids: readonly string[]) =>
  queryOptions({
    queryKey: ["experiments", "listed", experiment_ids],
    queryFn: async ({ signal }): Promise<Listed[]> => {
      const asked = { experiment_ids: [...experiment_ids], days: 1, about: true }
      const { experiments = [] } = await call("getOverview", asked, { signal })
      return experiments.flatMap(({ experiment_id: id, runs, about }) => {
        const total = Object.values(runs).reduce((sum, some) => sum + some, 0)
        return about ? [{ id, total, running: runs["RUNNING"] ?? 0, about }] : []
      })
    },
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
