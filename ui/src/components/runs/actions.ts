/** What can be done to many runs, with what became of it. */

import { asking, through, type Chosen } from "../../api/tasks"
import type { Task } from "../../api/generated"
import { count, plural } from "../../lib/format"
import { NOTE } from "../../lib/run"
import { toast } from "../../ui/Toast"

const DONE: Record<Task["kind"], string> = {
  delete_runs: "moved to the trash",
  restore_runs: "restored",
  tag_runs: "tagged",
  move_runs: "moved",
  stop_runs: "asked to stop",
}

const DOING: Record<Task["kind"], string> = {
  delete_runs: "Moving to the trash",
  restore_runs: "Restoring",
  tag_runs: "Tagging",
  move_runs: "Moving",
  stop_runs: "Asking to stop",
}

const isNote = ({ kind, key }: Task) => kind === "tag_runs" && key === NOTE

/** What a task does, in words. */
export const doing = (task: Task) => (isNote(task) ? "Writing the note of" : DOING[task.kind])

type Work = Parameters<typeof through>[0]

async function act(
  asked: Work,
  onDone: () => void,
  options: { undo?: (task: Task) => Work; onBegun?: (() => void) | undefined } = {},
): Promise<void> {
  let isBegun = false
  try {
    const task = await through(asked, () => {
      isBegun = true
      options.onBegun?.()
    })
    const runs = plural(task.done - task.failed, "run")
    const rest = task.state === "CANCELLED" ? `, then it was cancelled` : ""
    const { undo } = options
    toast.done(
      `${runs} ${isNote(task) ? "noted" : DONE[task.kind]}${rest}`,
      undo && task.done > task.failed ? () => void act(undo(task), onDone) : undefined,
    )
    if (task.failed > 0) {
      const why = task.problems?.[0]?.message ?? ""
      toast.failed(`${count(task.failed)} of ${plural(task.total, "run")} stay as they were`, {
        message: why,
      })
    }
  } catch (error) {
    // What was chosen, and written for it, is there for another try.
    if (!isBegun) {
      toast.failed("Nothing was begun", error)
      return
    }
    toast.failed("It goes on at the server, and is not followed here", error)
  }
  onDone()
}

const again = ({ task_id, experiment_ids }: Task) => ({
  of_task_id: task_id,
  experiment_ids: [...experiment_ids],
})

export const deleteRuns = (chosen: Chosen, onDone: () => void) =>
  act({ kind: "delete_runs", ...asking(chosen) }, onDone, {
    undo: (task) => ({ kind: "restore_runs", ...again(task) }),
  })

export const restoreRuns = (chosen: Chosen, onDone: () => void) =>
  act({ kind: "restore_runs", ...asking(chosen) }, onDone, {
    undo: (task) => ({ kind: "delete_runs", ...again(task) }),
  })

/** *onBegun*: from then on it is the server's; what was written may go. */
export const tagRuns = (
  chosen: Chosen,
  tag: { key: string; value: string },
  onDone: () => void,
  onBegun?: () => void,
) => act({ kind: "tag_runs", ...tag, ...asking(chosen) }, onDone, { onBegun })

export const noteRuns = (chosen: Chosen, text: string, onDone: () => void, onBegun?: () => void) =>
  tagRuns(chosen, { key: NOTE, value: text }, onDone, onBegun)

export const stopRuns = (chosen: Chosen, onDone: () => void) =>
  act({ kind: "stop_runs", ...asking(chosen) }, onDone)

/** Runs go to another experiment; undone, they go back to the one that they were in. */
export const moveRuns = (
  chosen: Chosen,
  target_id: string,
  onDone: () => void,
  onBegun?: () => void,
) =>
  act({ kind: "move_runs", target_id, ...asking(chosen) }, onDone, {
    onBegun,
    ...(chosen.experiments.length === 1
      ? {
          undo: (task: Task): Work => ({
            kind: "move_runs",
            of_task_id: task.task_id,
            experiment_ids: [target_id],
            target_id: chosen.experiments[0],
          }),
        }
      : {}),
  })
