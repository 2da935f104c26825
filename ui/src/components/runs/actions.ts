/** What can be done to runs, one after the other, with what became of it. */

import { call } from "../../api/client"
import { queryClient } from "../../api/queries"
import { plural } from "../../lib/format"
import { toast } from "../../ui/Toast"

const AT_ONCE = 8

/** Calls *work* for each id, a few at a time; raises the first error when all are through. */
export async function each(
  ids: readonly string[],
  work: (id: string) => Promise<unknown>,
  onProgress?: (done: number) => void,
): Promise<void> {
  const waiting = [...ids]
  let done = 0
  let failure: { error: unknown } | null = null
  const worker = async () => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      try {
        await work(id)
      } catch (error) {
        failure ??= { error }
      }
      onProgress?.(++done)
    }
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, ids.length) }, worker))
  await queryClient.invalidateQueries()
  if (failure) throw (failure as { error: unknown }).error
}

export async function deleteRuns(ids: readonly string[], onDone: () => void): Promise<void> {
  try {
    await each(ids, (run_id) => call("deleteRun", { run_id }))
    toast.done(`${plural(ids.length, "run")} moved to the trash`, () => {
      void restoreRuns(ids, onDone)
    })
  } catch (error) {
    toast.failed("Not all could be deleted", error)
  }
  onDone()
}

export async function restoreRuns(ids: readonly string[], onDone: () => void): Promise<void> {
  try {
    await each(ids, (run_id) => call("restoreRun", { run_id }))
    toast.done(`${plural(ids.length, "run")} restored`)
  } catch (error) {
    toast.failed("Not all could be restored", error)
  }
  onDone()
}

export async function tagRuns(
  ids: readonly string[],
  key: string,
  value: string,
  onProgress?: (done: number) => void,
): Promise<void> {
  try {
    await each(ids, (run_id) => call("setTag", { run_id, key, value }), onProgress)
    toast.done(`${plural(ids.length, "run")} tagged ${key}`)
  } catch (error) {
    toast.failed("Not all could be tagged", error)
  }
}
