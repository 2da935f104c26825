/** What pages ask for, under keys that changes can name. */

import { QueryClient, queryOptions } from "@tanstack/react-query"
import { capabilitiesQuery } from "./capabilities"
import { call, type Name } from "./client"
import { ApiError } from "./errors"
import type { Experiment, ModelVersion, Run } from "./generated"

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      refetchOnWindowFocus: true,
      // A server on this machine is there without any network.
      networkMode: "always",
      refetchOnReconnect: true,
      retry: (failures, error) =>
        failures < 2 &&
        (!(error instanceof ApiError) ||
          (error.status === 0 && !error.isTimeout) ||
          error.status >= 502),
    },
    mutations: { retry: false },
  },
})

type View = "ACTIVE_ONLY" | "DELETED_ONLY" | "ALL"

/** Whether this server does that at all: asked before it is asked for what it would refuse. */
export async function isServed(name: Name): Promise<boolean> {
  try {
    const { refused } = await queryClient.ensureQueryData(capabilitiesQuery({}))
    return refused?.[name] === undefined
  } catch {
    return true
  }
}

/** All experiments, page after page. */
export const experimentsQuery = (view: View = "ACTIVE_ONLY") =>
  queryOptions({
    queryKey: ["experiments", view],
    queryFn: async ({ signal }) => {
      const found: Experiment[] = []
      let page_token: string | undefined
      do {
        const asked = { view_type: view, max_results: 1000, page_token }
        const page = await call("searchExperiments", asked, { signal })
        found.push(...(page.experiments ?? []))
        page_token = page.next_page_token
      } while (page_token)
      return found
    },
  })

export const experimentQuery = (id: string) =>
  queryOptions({
    queryKey: ["experiment", id],
    queryFn: async ({ signal }) =>
      (await call("getExperiment", { experiment_id: id }, { signal })).experiment,
  })

export const runQuery = (id: string) =>
  queryOptions({
    queryKey: ["run", id],
    queryFn: async ({ signal }): Promise<Run> =>
      (await call("getRun", { run_id: id }, { signal })).run,
  })

export const summariesQuery = (run: string) =>
  queryOptions({
    queryKey: ["run", run, "summaries"],
    queryFn: async ({ signal }) =>
      (await call("getMetricSummaries", { run_id: run }, { signal })).summaries ?? [],
  })

export const childRunsQuery = (experiment: string, run: string) =>
  queryOptions({
    queryKey: ["runs", experiment, "children", run],
    queryFn: async ({ signal }) => {
      const filter = `tags.mlflow.parentRunId = '${run}'`
      const asked = { experiment_ids: [experiment], filter, max_results: 200 }
      return (await call("searchRuns", asked, { signal })).runs ?? []
    },
  })

export const versionsOfRunQuery = (run: string) =>
  queryOptions({
    queryKey: ["model-versions", "run", run],
    queryFn: async ({ signal }): Promise<ModelVersion[]> => {
      if (!(await isServed("searchModelVersions"))) return []
      const asked = { filter: `run_id = '${run}'`, max_results: 100 }
      return (await call("searchModelVersions", asked, { signal })).model_versions ?? []
    },
  })
