import { useQuery } from "@tanstack/react-query"
import { call } from "../../api/client"
import type { Task } from "../../api/generated"
import { useFollowed } from "../../api/live"
import { queryClient } from "../../api/queries"
import { tasksQuery } from "../../api/tasks"
import { count, plural } from "../../lib/format"
import { NOTE } from "../../lib/run"
import { Button, IconButton } from "../../ui/Button"
import { Icon } from "../../ui/Icon"
import { Popover } from "../../ui/Popover"
import { TimeAgo } from "../../ui/Time"
import { toast } from "../../ui/Toast"
import { doing } from "../runs/actions"
import styles from "./TaskTray.module.css"

const BEGUN = { topics: ["other"] } as const

/** Work that goes on at the server, and what became of the last of it; nothing when there is none. */
export function TaskTray() {
  const tasks = useQuery(tasksQuery()).data ?? []
  useFollowed(BEGUN, ["tasks"])
  if (tasks.length === 0) return null
  const running = tasks.filter(({ state }) => state === "RUNNING")
  const total = running.reduce((sum, one) => sum + one.total, 0)
  const done = running.reduce((sum, one) => sum + one.done, 0)
  return (
    <Popover
      label="Tasks"
      align="end"
      trigger={
        <Button
          size="s"
          variant="quiet"
          icon="clock"
          aria-label="Tasks"
          data-running={running.length}
        >
          {running.length > 0 && <span>{Math.floor((100 * done) / Math.max(total, 1))} %</span>}
        </Button>
      }
    >
      <ul className={styles.list}>
        {tasks.map((task) => (
          <TaskRow key={task.task_id} task={task} />
        ))}
      </ul>
    </Popover>
  )
}

function TaskRow({ task }: { task: Task }) {
  const { state, total, done, failed, key, task_id } = task
  const isRunning = state === "RUNNING"
  const cancel = async () => {
    try {
      await call("cancelTask", { task_id })
    } catch (error) {
      toast.failed("It goes on", error)
    }
    await queryClient.invalidateQueries({ queryKey: ["tasks"] })
  }
  return (
    <li className={styles.task} data-state={state.toLowerCase()}>
      <div className={styles.what}>
        <span>
          {doing(task)} {plural(total, "run")}
          {key && key !== NOTE && ` ${key}`}
        </span>
        {isRunning ? (
          <IconButton icon="close" size="s" label="Cancel the task" onClick={() => void cancel()} />
        ) : (
          <Icon name={state === "DONE" && failed === 0 ? "check" : "error"} />
        )}
      </div>
      {isRunning && <progress value={done} max={total} aria-label={doing(task)} />}
      <small>
        {isRunning ? (
          `${count(done)} of ${count(total)}`
        ) : (
          <>
            {state === "CANCELLED" ? `Cancelled after ${count(done)}` : "Done"}
            {task.ended_ms !== undefined && (
              <>
                {" "}
                <TimeAgo at={task.ended_ms} />
              </>
            )}
          </>
        )}
        {failed > 0 && (
          <span title={task.problems?.map(({ message }) => message).join("\n")}>
            {" "}
            · {count(failed)} stay as they were
          </span>
        )}
      </small>
    </li>
  )
}
