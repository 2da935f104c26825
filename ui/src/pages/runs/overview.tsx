import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useState } from "react"
import { call } from "../../api/client"
import type { Run } from "../../api/generated"
import { childRunsQuery, runQuery, summariesQuery, versionsOfRunQuery } from "../../api/queries"
import { ofRun } from "../../components/artifacts/source"
import { Link } from "../../components/Link"
import { ParamTable } from "../../components/ParamTable"
import { RunState } from "../../components/RunState"
import { count, value } from "../../lib/format"
import { real } from "../../lib/numbers"
import { NOTE, ownTags, tagsOf } from "../../lib/run"
import { paths } from "../../paths"
import { Badge } from "../../ui/Badge"
import { Button, IconButton } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Copyable, Snippet } from "../../ui/Copy"
import { SearchField } from "../../ui/Field"
import { Icon } from "../../ui/Icon"
import { Menu } from "../../ui/Menu"
import { later } from "../../ui/later"
import { EmptyState } from "../../ui/States"
import { Table } from "../../ui/Table"
import { TimeAgo } from "../../ui/Time"
import { toast } from "../../ui/Toast"
import styles from "./run.module.css"

const Written = later(
  async () => import("../../components/artifacts/MarkdownView"),
  ({ text }) => <p className={styles.note}>{text}</p>,
)

export function OverviewTab({ run, experiment }: { run: Run; experiment: string }) {
  const id = run.info.run_id
  const children = useQuery(childRunsQuery(experiment, id)).data ?? []
  const versions = useQuery(versionsOfRunQuery(id)).data ?? []
  const datasets = run.inputs?.dataset_inputs ?? []
  return (
    <div className={styles.columns}>
      <div className={styles.stack}>
        <Metrics run={run} />
        {children.length > 0 && (
          <Card title="Child runs" note={count(children.length)}>
            <Table caption="Child runs" head={["Run", "State", "Started"]}>
              {children.map(({ info }) => (
                <tr key={info.run_id}>
                  <td>
                    <Link to={paths.run(experiment, info.run_id)} data-inline>
                      {info.run_name}
                    </Link>
                  </td>
                  <td>
                    <RunState status={info.status} liveness={info.liveness} />
                  </td>
                  <td>
                    <TimeAgo at={info.start_time} />
                  </td>
                </tr>
              ))}
            </Table>
          </Card>
        )}
        {datasets.length > 0 && (
          <Card title="Data sets" note={count(datasets.length)}>
            <Table caption="Data sets" head={["Name", "Digest", "Source", "Used as"]}>
              {datasets.map(({ dataset, tags }) => (
                <tr key={`${dataset.name} ${dataset.digest}`}>
                  <td data-wrap>{dataset.name}</td>
                  <td>
                    <code>{dataset.digest}</code>
                  </td>
                  <td>{dataset.source_type}</td>
                  <td>{(tags ?? []).find(({ key }) => key === "mlflow.data.context")?.value}</td>
                </tr>
              ))}
            </Table>
          </Card>
        )}
        {versions.length > 0 && (
          <Card title="Registered as" note={count(versions.length)}>
            <Table caption="Model versions" head={["Model", "Version"]}>
              {versions.map(({ name, version }) => (
                <tr key={`${name} ${version}`}>
                  <td>
                    <Link to={paths.model(name)} data-inline>
                      {name}
                    </Link>
                  </td>
                  <td>
                    <Link to={paths.modelVersion(name, version)} data-inline>
                      {version}
                    </Link>
                  </td>
                </tr>
              ))}
            </Table>
          </Card>
        )}
      </div>
      <div className={styles.stack}>
        <Params run={run} />
        <Note run={run} />
        <Tags run={run} />
        <Reproduce run={run} />
      </div>
    </div>
  )
}

function Metrics({ run }: { run: Run }) {
  const summaries = useQuery(summariesQuery(run.info.run_id))
  const [text, setText] = useState("")
  const last = new Map((run.data?.metrics ?? []).map((one) => [one.key, one]))
  const of = new Map((summaries.data ?? []).map((one) => [one.key, one]))
  const all = [...last.keys()].filter((key) => !key.startsWith("system/")).sort()
  const shown = all.filter((key) => key.toLowerCase().includes(text.toLowerCase()))
  return (
    <Card
      title="Metrics"
      note={count(all.length)}
      tools={
        all.length > 10 && <SearchField label="Find a metric" value={text} onChange={setText} />
      }
    >
      {all.length === 0 ? (
        <EmptyState
          isInline
          title="No metrics"
          hint="Logged metrics show here, with their extremes."
        />
      ) : (
        <div className={styles.list}>
          <Table
            caption="Metrics"
            head={["Metric", ">Last", ">Least", ">Greatest", ">Mean", ">Points"]}
          >
            {shown.map((key) => {
              const one = of.get(key)
              return (
                <tr key={key}>
                  <td data-wrap title={key}>
                    <Copyable text={key} label={`the name ${key}`} />
                  </td>
                  <NumberCell
                    number={last.get(key)?.value}
                    title={`step ${last.get(key)?.step ?? 0}`}
                    copies={`the last value of ${key}`}
                  />
                  <NumberCell number={one?.minimum} title={`step ${one?.min_step ?? "–"}`} />
                  <NumberCell number={one?.maximum} title={`step ${one?.max_step ?? "–"}`} />
                  <NumberCell number={one?.mean} />
                  <td data-align="end">{one && count(one.count)}</td>
                </tr>
              )
            })}
          </Table>
        </div>
      )}
    </Card>
  )
}

function NumberCell({
  number,
  title,
  copies,
}: {
  number: number | string | null | undefined
  title?: string
  /** What it is, where all its digits can be copied. */
  copies?: string
}) {
  if (number === undefined || number === null) return <td />
  const shown = value(real(number))
  return (
    <td data-align="end" title={[String(number), title].filter(Boolean).join(", ")}>
      {copies === undefined ? (
        shown
      ) : (
        <Copyable text={String(number)} label={copies}>
          {shown}
        </Copyable>
      )}
    </td>
  )
}

function Params({ run }: { run: Run }) {
  const [text, setText] = useState("")
  const all = [...(run.data?.params ?? [])].sort((a, b) =>
    a.key.localeCompare(b.key, undefined, { numeric: true }),
  )
  const sought = text.toLowerCase()
  const shown = all.filter(({ key, value: held }) =>
    `${key} ${held}`.toLowerCase().includes(sought),
  )
  const copy = (form: (pairs: typeof all) => string) => {
    void navigator.clipboard.writeText(form(all)).then(() => toast.done("Copied"))
  }
  return (
    <Card
      title="Params"
      note={count(all.length)}
      tools={
        all.length > 0 && (
          <>
            {all.length > 10 && (
              <SearchField label="Find a param" value={text} onChange={setText} />
            )}
            <Menu
              align="end"
              trigger={<IconButton icon="copy" size="s" label="Copy all params" />}
              list={[
                {
                  label: "As JSON",
                  onSelect: () =>
                    copy((pairs) =>
                      JSON.stringify(
                        Object.fromEntries(pairs.map((one) => [one.key, one.value])),
                        null,
                        2,
                      ),
                    ),
                },
                {
                  label: "As YAML",
                  onSelect: () =>
                    copy((pairs) =>
                      pairs
                        .map((one) => `${JSON.stringify(one.key)}: ${JSON.stringify(one.value)}`)
                        .join("\n"),
                    ),
                },
                {
                  label: "As options",
                  onSelect: () =>
                    copy((pairs) =>
                      pairs.map((one) => `-P ${quoted(`${one.key}=${one.value}`)}`).join(" "),
                    ),
                },
              ]}
            />
          </>
        )
      }
    >
      {all.length === 0 ? (
        <EmptyState isInline title="No params" hint="Logged params show here." />
      ) : (
        <div className={styles.list}>
          <ParamTable params={shown} />
        </div>
      )}
    </Card>
  )
}

/** A text as a shell takes it. */
function quoted(text: string): string {
  return /^[\w.=/:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

function Note({ run }: { run: Run }) {
  const client = useQueryClient()
  const note = tagsOf(run).get(NOTE) ?? ""
  const [text, setText] = useState<string | null>(null)
  /** The note as it was when writing began, and what somebody else has made of it since. */
  const [began, setBegan] = useState(note)
  const [theirs, setTheirs] = useState<string | null>(null)
  const write = (from: string) => {
    setBegan(note)
    setTheirs(null)
    setText(from)
  }
  const save = async (over: string) => {
    try {
      const now = await client.fetchQuery({ ...runQuery(run.info.run_id), staleTime: 0 })
      const there = tagsOf(now).get(NOTE) ?? ""
      if (there !== over) {
        setTheirs(there)
        return
      }
      await call("setTag", { run_id: run.info.run_id, key: NOTE, value: text ?? "" })
      await client.invalidateQueries({ queryKey: ["run", run.info.run_id] })
      setText(null)
      setTheirs(null)
    } catch (error) {
      toast.failed("The note is not saved", error)
    }
  }
  const tools =
    text === null ? (
      <Button size="s" variant="quiet" icon="edit" onClick={() => write(note)}>
        {note ? "Edit" : "Write"}
      </Button>
    ) : (
      <>
        <Button
          size="s"
          variant="quiet"
          onClick={() => {
            setText(null)
            setTheirs(null)
          }}
        >
          Cancel
        </Button>
        <Button size="s" variant="primary" onClick={() => void save(began)}>
          Save
        </Button>
      </>
    )
  return (
    <Card title="Note" tools={tools}>
      {theirs !== null && (
        <div role="alert" className={styles.conflict}>
          <strong>Somebody else has changed the note meanwhile. Theirs:</strong>
          <pre>{theirs || "(empty)"}</pre>
          <div className={styles.choices}>
            <Button size="s" onClick={() => void save(theirs)}>
              Keep mine
            </Button>
            <Button
              size="s"
              onClick={() => {
                setText(null)
                setTheirs(null)
              }}
            >
              Keep theirs
            </Button>
          </div>
        </div>
      )}
      {text !== null ? (
        <textarea
          className={styles.edit}
          aria-label="Note"
          autoFocus
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
      ) : note ? (
        <Written text={note} source={ofRun(run.info.run_id)} path="" />
      ) : (
        <EmptyState isInline title="No note" hint="What should others know of this run?" />
      )}
    </Card>
  )
}

function Tags({ run }: { run: Run }) {
  const client = useQueryClient()
  const [text, setText] = useState("")
  const own = ownTags(run)
  const change = async (work: Promise<unknown>, onDone?: () => void) => {
    try {
      await work
      onDone?.()
      await client.invalidateQueries({ queryKey: ["run", run.info.run_id] })
    } catch (error) {
      toast.failed("The tags are as they were", error)
    }
  }
  const add = () => {
    const [key = "", ...rest] = text.split(":")
    if (!key.trim()) return
    void change(
      call("setTag", { run_id: run.info.run_id, key: key.trim(), value: rest.join(":").trim() }),
      // What was written meanwhile is the next one.
      () => setText((now) => (now === text ? "" : now)),
    )
  }
  return (
    <Card title="Tags" note={count(own.length)}>
      <div className={styles.tags}>
        {own.map(([key, held]) => (
          <Badge key={key} title={`${key}: ${held}`}>
            <Copyable text={key} label={`the name of the tag ${key}`} />:{" "}
            <Copyable text={held} label={`the value of the tag ${key}`} />
            <button
              type="button"
              aria-label={`Remove the tag ${key}`}
              style={{ border: 0, background: "none", padding: 2, cursor: "pointer" }}
              onClick={() => void change(call("deleteTag", { run_id: run.info.run_id, key }))}
            >
              <Icon name="close" size={10} />
            </button>
          </Badge>
        ))}
        <input
          aria-label="New tag"
          placeholder="key: value"
          value={text}
          style={{ border: 0, background: "none", outline: "none", minWidth: "8rem" }}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => event.key === "Enter" && add()}
        />
      </div>
    </Card>
  )
}

function Reproduce({ run }: { run: Run }) {
  const tags = tagsOf(run)
  const source = tags.get("mlflow.source.name")
  const commit = tags.get("mlflow.source.git.commit")
  if (!source) return null
  const params = (run.data?.params ?? []).map(
    ({ key, value: held }) => `-P ${quoted(`${key}=${held}`)}`,
  )
  const isProject = tags.get("mlflow.source.type") === "PROJECT"
  const lines = isProject
    ? [`millrace run ${quoted(source)}${commit ? ` -v ${commit}` : ""} ${params.join(" ")}`.trim()]
    : [...(commit ? [`git checkout ${commit}`] : []), `python ${quoted(source)}`]
  return (
    <Card title="Run it again" isPadded>
      <Snippet label="command" text={lines.join("\n")} />
    </Card>
  )
}
