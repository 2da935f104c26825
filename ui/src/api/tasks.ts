/** Work on many runs that goes on at the server, whatever becomes of the page that asked for it. */

import { queryOptions } from "@tanstack/react-query"
import { call, type Asked } from "./client"
import type { Task } from "./generated"
import { queryClient } from "./queries"

/** Runs by their ids, or all that match. */
export interface Chosen {
  experiments: readonly string[]
  ids?: readonly string[]
  match?: Pick<Asked<"createTask">, "filter" | "text" | "view">
}

const LOOK_MS = { first: 100, most: 1_000 } as const

/** The newest tasks of this person; looked at each second while one goes on. */
export const tasksQuery = () =>
  queryOptions({
    queryKey: ["tasks"],
    queryFn: async ({ signal }) =>
      (await call("searchTasks", { max_results: 8 }, { signal })).tasks ?? [],
    refetchInterval: ({ state }) =>
      state.data?.some((one) => one.state === "RUNNING") ? LOOK_MS.most : false,
  })

export function asking({ experiments, ids, match }: Chosen) {
  return {
    experiment_ids: [...experiments],
    ...(ids ? { run_ids: [...ids] } : match),
  }
}

/** Begins a task and waits until it has ended; others see it meanwhile. */
export async function through(asked: Asked<"createTask">, onBegun?: () => void): Promise<Task> {
  let { task } = await call("createTask", asked)
  onBegun?.()
  void queryClient.invalidateQueries({ queryKey: ["tasks"] })
  for (
    let ms: number = LOOK_MS.first;
    task.state === "RUNNING";
    ms = Math.min(ms * 1.5, LOOK_MS.most)
  ) {
    await new Promise((resolve) => setTimeout(resolve, ms))
    task = (await call("getTask", { task_id: task.task_id })).task
  }
  await queryClient.invalidateQueries()
  return task
}
