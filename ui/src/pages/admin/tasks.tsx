import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query"
import type { ReactNode } from "react"
import { call } from "../../api/client"
import type { Task } from "../../api/generated"
import { useFollowed, useRefetchInterval } from "../../api/live"
import { PageBody } from "../../components/PageBody"
import { doing } from "../../components/runs/actions"
import { count, plural } from "../../lib/format"
import { Badge, type Tone } from "../../ui/Badge"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { Table } from "../../ui/Table"
import { TimeAgo } from "../../ui/Time"
import { toast } from "../../ui/Toast"

const SHOWN = 100
const TONES: Record<Task["state"], Tone> = { RUNNING: "info", DONE: "good", CANCELLED: "plain" }

const allTasksQuery = () =>
  queryOptions({
    queryKey: ["tasks", "all"],
    queryFn: async ({ signal }) =>
      (await call("searchTasks", { all: true, max_results: SHOWN }, { signal })).tasks ?? [],
  })

/** Work on many runs, of everybody: what goes on, and what became of it in the last week. */
export function TasksSection({ sections }: { sections: ReactNode }) {
  const client = useQueryClient()
  const interval = useRefetchInterval(1_000)
  const tasks = useQuery({
    ...allTasksQuery(),
    refetchInterval: ({ state }) =>
      state.data?.some((one) => one.state === "RUNNING") ? interval : false,
  })
  useFollowed({ topics: ["other"] }, ["tasks"])
  const cancel = async (task_id: string) => {
    try {
      await call("cancelTask", { task_id })
      toast.done("It ends after the part that is being done")
    } catch (error) {
      toast.failed("It goes on", error)
    }
    await client.invalidateQueries({ queryKey: ["tasks"] })
  }
  const list = tasks.data ?? []
  return (
    <PageBody title="Admin">
      {sections}
      {tasks.isPending && <Skeleton lines={6} />}
      {tasks.isLoadingError && (
        <FailedState error={tasks.error} onRetry={() => void tasks.refetch()} />
      )}
      {tasks.isSuccess && list.length === 0 && (
        <EmptyState
          icon="clock"
          title="No tasks"
          hint="What is done to many runs at once is a task, and is known here for a week after its end."
        />
      )}
      {list.length > 0 && (
        <Card
          title="Tasks"
          note={list.length === SHOWN ? `the last ${SHOWN}` : plural(list.length, "task")}
        >
          <Table
            caption="Tasks"
            head={["State", "What", "By", ">Done", ">As they were", "Begun", ""]}
          >
            {list.map((task) => (
              <tr key={task.task_id} data-task={task.state}>
                <td>
                  <Badge tone={TONES[task.state]} dot>
                    {task.state.toLowerCase()}
                  </Badge>
                </td>
                <td data-wrap="">
                  {doing(task)} {plural(task.total, "run")}
                </td>
                <td>{task.owner}</td>
                <td data-align="end">
                  {count(task.done)} of {count(task.total)}
                </td>
                <td
                  data-align="end"
                  title={task.problems?.map(({ message }) => message).join("\n")}
                >
                  {count(task.failed)}
                </td>
                <td>
                  <TimeAgo at={task.created_ms} />
                </td>
                <td data-align="end">
                  {task.state === "RUNNING" && (
                    <Button size="s" onClick={() => void cancel(task.task_id)}>
                      Cancel
                    </Button>
                  )}
                </td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
    </PageBody>
  )
}
