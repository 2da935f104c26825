import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useParams, useSearch } from "@tanstack/react-router"
import { useState } from "react"
import { useRefusals } from "../../api/capabilities"
import { call, urlOf } from "../../api/client"
import type { Run } from "../../api/generated"
import { useFollowed } from "../../api/live"
import { experimentQuery, runQuery } from "../../api/queries"
import { ArtifactBrowser, useFilesAhead } from "../../components/artifacts/parts"
import { ofRun } from "../../components/artifacts/source"
import { Link, useGo } from "../../components/Link"
import { PanelArea } from "../../components/PanelArea"
import { RunState } from "../../components/RunState"
import { deleteRuns, restoreRuns } from "../../components/runs/actions"
import { useHeading } from "../../components/shell/heading"
import { colourOf } from "../../lib/colours"
import { useShortcuts } from "../../lib/keys"
import { CAUSE, PARENT, stopOf, tagsOf } from "../../lib/run"
import { paths, type RunTab } from "../../paths"
import { Button, buttonClass, IconButton } from "../../ui/Button"
import { CopyButton } from "../../ui/Copy"
import { Dialog } from "../../ui/Dialog"
import { Field } from "../../ui/Field"
import { Icon } from "../../ui/Icon"
import { later } from "../../ui/later"
import { Menu } from "../../ui/Menu"
import { EmptyState, FailedState, NoticeBar, Skeleton } from "../../ui/States"
import { tabs } from "../../ui/Tabs"
import { DateTime, Elapsed, TimeAgo } from "../../ui/Time"
import { toast } from "../../ui/Toast"
import { CodeTab } from "./code"
import { LineageTab, ModelsTab } from "./lineage"
import { LogsTab } from "./logs"
import { OverviewTab } from "./overview"
import { EndDialog, RegisterRunDialog, StopDialog } from "./actions"
import styles from "./run.module.css"
import { useBusy } from "../../ui/useBusy"

const MediaTab = later(async () => import("./media"))

const TABS: readonly (readonly [RunTab, string])[] = [
  ["overview", "Overview"],
  ["charts", "Charts"],
  ["system", "System"],
  ["media", "Media"],
  ["artifacts", "Artifacts"],
  ["models", "Models"],
  ["logs", "Logs"],
  ["code", "Code"],
  ["lineage", "Lineage"],
]

export default function RunPage() {
  const { eid = "0", rid = "", tab = "overview" } = useParams({ strict: false })
  const { path } = useSearch({ strict: false }) as { path?: string }
  useFilesAhead(ofRun(rid), tab === "artifacts" ? (path ?? "") : null)
  const found = useQuery(runQuery(rid))
  useFollowed({ runs: [rid] }, ["run", rid], ["capabilities"])
  const experiment = useQuery(experimentQuery(eid)).data
  const [known, label] = TABS.find(([key]) => key === tab) ?? (["overview", "Overview"] as const)
  const name = found.data?.info.run_name ?? rid
  useHeading(
    [
      { label: "Experiments", to: paths.experimentTree() },
      { label: experiment?.name ?? eid, to: paths.experiment(eid) },
      { label: name },
    ],
    found.data && { to: paths.run(eid, rid), label: name, kind: "run" },
  )
  if (found.isPending) return <Skeleton label="Loading the run" />
  if (found.isLoadingError) {
    const isGone = "isGone" in found.error && found.error.isGone === true
    return isGone ? (
      <EmptyState
        icon="search"
        title="There is no such run"
        hint="It was removed for good, or its id is not whole."
      >
        <Link className={buttonClass} to={paths.trash()}>
          Look in the trash
        </Link>
      </EmptyState>
    ) : (
      <FailedState error={found.error} onRetry={() => void found.refetch()} />
    )
  }
  return <RunView run={found.data} experiment={eid} tab={known} label={label} />
}

function RunView({
  run,
  experiment,
  tab,
  label,
}: {
  run: Run
  experiment: string
  tab: RunTab
  label: string
}) {
  const { info } = run
  const id = info.run_id
  const tags = tagsOf(run)
  const go = useGo()
  const client = useQueryClient()
  const [isNaming, setNaming] = useState(false)
  const [doing, setDoing] = useState<"register" | "stop" | "end" | null>(null)
  const isDeleted = info.lifecycle_stage === "deleted"
  const refresh = () => void client.invalidateQueries()
  const parent = tags.get(PARENT)
  const isRunning = info.status === "RUNNING"
  const whyNot = useRefusals({ run_id: id })
  const isLost = info.liveness === "lost"
  const stop = stopOf(run)
  const cause = tags.get(CAUSE) ?? (isLost ? "lease expired" : "")
  const step = (by: number) => {
    const at = TABS.findIndex(([key]) => key === tab)
    const [next] = TABS[(at + by + TABS.length) % TABS.length] ?? TABS[0] ?? ["overview"]
    go(paths.run(experiment, id, next), { replace: true })
  }
  useShortcuts([
    { keys: "]", label: "Next tab", group: "Run", run: () => step(1) },
    { keys: "[", label: "Tab before", group: "Run", run: () => step(-1) },
    {
      keys: "F2",
      label: "Rename",
      group: "Run",
      run: () => {
        if (!whyNot("updateRun")) setNaming(true)
      },
    },
    {
      keys: "u",
      label: "Up to the experiment",
      group: "Run",
      run: () => go(paths.experiment(experiment)),
    },
  ])
  const runs = [{ id, name: info.run_name, isRunning }]
  const EndingDialog = doing === "stop" ? StopDialog : EndDialog
  return (
    <div className={styles.page}>
      {isDeleted && (
        <NoticeBar>
          This run is in the trash.
          <Button
            size="s"
            onClick={() => void restoreRuns({ experiments: [experiment], ids: [id] }, refresh)}
          >
            Restore
          </Button>
        </NoticeBar>
      )}
      <header className={styles.head}>
        <div className={styles.title}>
          <h1>
            <i className={styles.swatch} style={{ background: colourOf(id) }} />
            {info.run_name}
          </h1>
          <CopyButton text={info.run_name} label="Copy the name" />
          <RunState status={info.status} liveness={info.liveness} />
          <IconButton
            icon="edit"
            size="s"
            label="Rename"
            keys="F2"
            onClick={() => setNaming(true)}
            disabledBecause={whyNot("updateRun")}
          />
          <div className={styles.actions}>
            {parent && (
              <Button
                icon="compare"
                onClick={() =>
                  go(paths.compare([parent, id], { experiments: [experiment], base: parent }))
                }
              >
                Compare with parent
              </Button>
            )}
            {isRunning && (
              <Button
                icon="close"
                onClick={() => setDoing("stop")}
                disabledBecause={
                  whyNot("stopRun") ??
                  (isLost
                    ? "Nobody hears: it gives no sign of life. More → Mark as killed."
                    : stop && "It hears of it with its next sign of life.")
                }
              >
                {stop ? "Asked to stop" : "Stop"}
              </Button>
            )}
            <Button
              icon="models"
              onClick={() => setDoing("register")}
              disabledBecause={whyNot("createModelVersion")}
            >
              Register model
            </Button>
            <DownloadAll id={id} whyNot={whyNot("downloadArchive")} />
            <Menu
              align="end"
              trigger={<IconButton icon="more" label="More" variant="plain" />}
              list={[
                {
                  label: "Rename",
                  icon: "edit",
                  keys: "F2",
                  disabledBecause: whyNot("updateRun"),
                  onSelect: () => setNaming(true),
                },
                {
                  label: "Copy the address",
                  icon: "link",
                  onSelect: () => void navigator.clipboard.writeText(location.href),
                },
                "line",
                {
                  label: "Mark as killed",
                  icon: "close",
                  disabledBecause: !isRunning ? "It has ended." : whyNot("updateRun"),
                  onSelect: () => setDoing("end"),
                },
                {
                  label: "Delete",
                  icon: "trash",
                  isDangerous: true,
                  disabledBecause: isDeleted && "It is in the trash.",
                  onSelect: () =>
                    void deleteRuns({ experiments: [experiment], ids: [id] }, refresh),
                },
              ]}
            />
          </div>
        </div>
        <dl className={styles.facts}>
          <Fact label="Id">
            <code>{id}</code>
            <CopyButton text={id} label="Copy the id" />
          </Fact>
          <Fact label="User">{info.user_id}</Fact>
          <Fact label="Started">
            <DateTime at={info.start_time} />
          </Fact>
          <Fact label="Took">
            <Elapsed from={info.start_time} to={info.end_time} />
          </Fact>
          {cause && <Fact label="Cause">{cause}</Fact>}
          {stop && (
            <Fact label="Asked to stop">
              by {stop.by}, <TimeAgo at={stop.at_ms} />
            </Fact>
          )}
          {tags.get("mlflow.source.name") && (
            <Fact label="Source">{tags.get("mlflow.source.name")}</Fact>
          )}
          {tags.get("mlflow.source.git.commit") && (
            <Fact label="Commit">
              <code title={tags.get("mlflow.source.git.commit")}>
                {tags.get("mlflow.source.git.commit")?.slice(0, 8)}
              </code>
            </Fact>
          )}
        </dl>
        <nav className={tabs.list} aria-label="Run">
          {TABS.map(([key, text]) => (
            <Link
              key={key}
              to={paths.run(experiment, id, key)}
              className={tabs.tab}
              aria-current={key === tab ? "page" : undefined}
            >
              {text}
            </Link>
          ))}
        </nav>
      </header>
      <div className={styles.body} aria-label={label}>
        {tab === "overview" && <OverviewTab run={run} experiment={experiment} />}
        {tab === "charts" && <PanelArea experimentIds={[experiment]} runs={runs} name="run" />}
        {tab === "system" && <SystemTab run={run} experiment={experiment} />}
        {tab === "media" && <MediaTab run={id} experiment={experiment} isRunning={isRunning} />}
        {tab === "artifacts" && <ArtifactsTab run={id} experiment={experiment} />}
        {tab === "models" && <ModelsTab run={run} experiment={experiment} />}
        {tab === "logs" && <LogsTab run={id} experiment={experiment} isRunning={isRunning} />}
        {tab === "code" && <CodeTab run={run} />}
        {tab === "lineage" && <LineageTab run={run} experiment={experiment} />}
      </div>
      {doing === "register" && <RegisterRunDialog run={run} onClose={() => setDoing(null)} />}
      {(doing === "end" || doing === "stop") && (
        <EndingDialog
          id={id}
          onClose={() => {
            setDoing(null)
            refresh()
          }}
        />
      )}
      {isNaming && (
        <RenameDialog
          id={id}
          name={info.run_name}
          onClose={() => {
            setNaming(false)
            refresh()
          }}
        />
      )}
    </div>
  )
}

function DownloadAll({ id, whyNot }: { id: string; whyNot: string | null }) {
  if (whyNot !== null) {
    return (
      <Button icon="download" disabledBecause={whyNot}>
        Download all
      </Button>
    )
  }
  return (
    <a className={buttonClass} href={urlOf("downloadArchive", { run_id: id })} download>
      <Icon name="download" />
      Download all
    </a>
  )
}

function Fact({ label, children }: { label: string; children: React.ReactNode }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  )
}

/** What the machine did meanwhile: metrics whose keys begin with `system/`. */
function SystemTab({ run, experiment }: { run: Run; experiment: string }) {
  const isThere = (run.data?.metrics ?? []).some(({ key }) => key.startsWith("system/"))
  const { run_id: id, run_name: name } = run.info
  if (!isThere) {
    return (
      <EmptyState
        icon="monitor"
        title="No system metrics"
        hint="millrace.enable_system_metrics_logging() records processor, memory, disk and network of the next runs."
      />
    )
  }
  return (
    <PanelArea
      experimentIds={[experiment]}
      runs={[{ id, name }]}
      prefix="system/"
      name="run-system"
    />
  )
}

function ArtifactsTab({ run, experiment }: { run: string; experiment: string }) {
  const { path = "" } = useSearch({ strict: false }) as { path?: string }
  const go = useGo()
  return (
    <ArtifactBrowser
      source={ofRun(run)}
      path={path}
      onPath={(next) => go(paths.run(experiment, run, "artifacts", next), { replace: true })}
    />
  )
}

function RenameDialog({ id, name, onClose }: { id: string; name: string; onClose: () => void }) {
  const [text, setText] = useState(name)
  const [isBusy, once] = useBusy()
  const rename = async () => {
    if (!text.trim()) return
    try {
      await call("updateRun", { run_id: id, run_name: text.trim() })
      onClose()
    } catch (error) {
      toast.failed("The name is as it was", error)
    }
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title="Rename the run"
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            onClick={() => void once(rename)}
            disabledBecause={isBusy ? "It is being done." : !text.trim() && "It needs a name."}
          >
            Rename
          </Button>
        </>
      }
    >
      <Field
        label="Name"
        value={text}
        onChange={setText}
        onEnter={() => void once(rename)}
        autoFocus
      />
    </Dialog>
  )
}
