import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useState } from "react"
import type { FileInfo } from "../../api/generated"
import { Preview } from "../../components/artifacts/Preview"
import { filesQuery, fileUrl, ofRun } from "../../components/artifacts/source"
import { paths } from "../../paths"
import { Link } from "../../components/Link"
import { Button, buttonClass } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Select } from "../../ui/Field"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"

const LOG = /\.log(\.gz)?$|(^|\/)std(out|err)(\.txt)?$/i
const FOLDER = /^logs?$/i

const isLog = ({ path, is_dir }: FileInfo) => !is_dir && LOG.test(path)

/** Log files among the artifacts of a run: those at the top, and those in a folder of logs. */
export function LogsTab({ run, experiment }: { run: string; experiment: string }) {
  const client = useQueryClient()
  const source = ofRun(run)
  const top = useQuery(filesQuery(source, ""))
  const folder = top.data?.find(({ path, is_dir }) => is_dir && FOLDER.test(path))?.path
  const inside = useQuery({ ...filesQuery(source, folder ?? ""), enabled: folder !== undefined })
  const [chosen, setChosen] = useState("")
  if (top.isError) return <FailedState error={top.error} onRetry={() => void top.refetch()} />
  if (inside.isError) {
    return <FailedState error={inside.error} onRetry={() => void inside.refetch()} />
  }
  if (top.isPending || (folder !== undefined && inside.isPending)) return <Skeleton />
  const files = [...top.data.filter(isLog), ...(inside.data ?? []).filter(({ is_dir }) => !is_dir)]
  const [first] = files
  if (!first) {
    return (
      <EmptyState
        icon="file"
        title="No logs"
        hint='What a program prints is not kept by itself. millrace.log_artifact("train.log") keeps a log file with its run, at the top or below logs/.'
      >
        <Link className={buttonClass} to={paths.run(experiment, run, "artifacts")}>
          All artifacts
        </Link>
      </EmptyState>
    )
  }
  const file = files.find(({ path }) => path === chosen) ?? first
  const again = async () => {
    await client.invalidateQueries({ queryKey: ["artifacts", run] })
    await client.invalidateQueries({ queryKey: ["artifact", source.kind, run, file.path] })
  }
  return (
    <Card
      title={file.path}
      tools={
        <>
          {files.length > 1 && (
            <Select
              label="Log file"
              hideLabel
              value={file.path}
              onChange={setChosen}
              choices={files.map(({ path }) => [path, path] as const)}
            />
          )}
          <Button size="s" variant="quiet" icon="refresh" onClick={() => void again()}>
            Read again
          </Button>
          <a className={buttonClass} data-size="s" href={fileUrl(source, file.path)} download>
            Download
          </a>
        </>
      }
    >
      <Preview key={file.path} source={source} file={file} />
    </Card>
  )
}
