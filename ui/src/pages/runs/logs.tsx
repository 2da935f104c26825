import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useSearch } from "@tanstack/react-router"
import { useRefetchInterval } from "../../api/live"
import { Preview } from "../../components/artifacts/Preview"
import { archiveUrl, filesQuery, fileUrl, ofRun } from "../../components/artifacts/source"
import { Link, useGo } from "../../components/Link"
import { folderOf, logsOf } from "../../components/logs/log"
import { serverAddress } from "../../lib/page"
import { paths } from "../../paths"
import { Button, buttonClass } from "../../ui/Button"
import { Select } from "../../ui/Field"
import { later } from "../../ui/later"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { toast } from "../../ui/Toast"
import styles from "./run.module.css"

const LogView = later(async () => import("../../components/logs/LogView"))

const LOOK_MS = 3_000

/** What a run printed, and log files among its artifacts: at the top, and in a folder of logs. */
export function LogsTab({
  run,
  experiment,
  isRunning,
}: {
  run: string
  experiment: string
  isRunning: boolean
}) {
  const client = useQueryClient()
  const go = useGo()
  const asked: { path?: string; line?: string | number } = useSearch({ strict: false })
  const source = ofRun(run)
  const interval = useRefetchInterval(LOOK_MS)
  // The first lines of a run that has just begun are yet to come.
  const refetchInterval = (hasSome: boolean) => isRunning && !hasSome && interval
  const top = useQuery({
    ...filesQuery(source, ""),
    refetchInterval: ({ state }) => refetchInterval(folderOf(state.data ?? []) !== undefined),
  })
  const folder = folderOf(top.data ?? [])
  const inside = useQuery({
    ...filesQuery(source, folder ?? ""),
    enabled: folder !== undefined,
    refetchInterval: ({ state }) => refetchInterval((state.data?.length ?? 0) > 0),
  })
  if (top.isLoadingError)
    return <FailedState error={top.error} onRetry={() => void top.refetch()} />
  if (inside.isLoadingError) {
    return <FailedState error={inside.error} onRetry={() => void inside.refetch()} />
  }
  if (top.isPending || (folder !== undefined && inside.isPending)) return <Skeleton />
  const logs = logsOf(top.data, folder === undefined ? [] : (inside.data ?? []))
  const [first] = logs
  if (!first) {
    return (
      <EmptyState
        icon="file"
        title="No logs"
        hint="What a program prints is not kept by itself. millrace.start_run(log_output=True) keeps it for one run, MILLRACE_LOG_OUTPUT=true for all. Log files among the artifacts show here, too."
      >
        <Link className={buttonClass} to={paths.run(experiment, run, "artifacts")}>
          All artifacts
        </Link>
      </EmptyState>
    )
  }
  const log = logs.find(({ path }) => path === asked.path) ?? first
  const line = log.path === asked.path || !asked.path ? Number(asked.line ?? 0) : 0
  const again = async () => {
    await client.invalidateQueries({ queryKey: ["artifacts", run] })
    await client.invalidateQueries({ queryKey: ["artifact", source.kind, run, log.path] })
    await client.resetQueries({ queryKey: ["log", run, log.path] })
  }
  return (
    <section className={styles.logs} aria-label="Logs">
      <header>
        {logs.length > 1 ? (
          <Select
            label="Log file"
            hideLabel
            value={log.path}
            onChange={(path) => go(paths.run(experiment, run, "logs", path), { replace: true })}
            choices={logs.map(({ path }) => [path, path] as const)}
          />
        ) : (
          <strong>{log.path}</strong>
        )}
        <div>
          <Button size="s" variant="quiet" icon="refresh" onClick={() => void again()}>
            Read again
          </Button>
          <a
            className={buttonClass}
            data-size="s"
            href={log.isFolder ? archiveUrl(source, log.path) : fileUrl(source, log.path)}
            download
          >
            Download
          </a>
        </div>
      </header>
      {log.path.endsWith(".gz") ? (
        <Preview key={log.path} source={source} file={log.file} />
      ) : (
        <LogView
          key={log.path}
          run={run}
          path={log.path}
          isRunning={isRunning}
          line={line > 0 ? line - 1 : null}
          onLine={(number) => {
            const to = paths.run(experiment, run, "logs", log.path, number + 1)
            go(to, { replace: true })
            void navigator.clipboard
              .writeText(serverAddress() + to)
              .then(() => toast.done(`Copied the link to line ${number + 1}`))
          }}
        />
      )}
    </section>
  )
}
