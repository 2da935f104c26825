import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useSearch } from "@tanstack/react-router"
import { useCallback, useDeferredValue, useMemo, useState, type DragEvent } from "react"
import { call } from "../../api/client"
import type { Experiment } from "../../api/generated"
import { useFollowed } from "../../api/live"
import { listedQuery } from "../../api/overview"
import { experimentsQuery } from "../../api/queries"
import { Sparkline } from "../../charts/Sparkline"
import { DataGrid, type GridColumn, type GridRow } from "../../components/grid/DataGrid"
import { Link, useGo } from "../../components/Link"
import { useHeading } from "../../components/shell/heading"
import { sparksQuery } from "../../components/sparks"
import { strokeOf } from "../../lib/colours"
import { foldersOf, leafOf, parentOf, type Folder } from "../../lib/folders"
import { bytes, count, plural, value } from "../../lib/format"
import { useShortcuts } from "../../lib/keys"
import { real } from "../../lib/numbers"
import { density, ROW_HEIGHT } from "../../lib/prefs"
import { useStore } from "../../lib/store"
import { paths } from "../../paths"
import { Badge } from "../../ui/Badge"
import { Button, IconButton } from "../../ui/Button"
import { ConfirmDialog, Dialog } from "../../ui/Dialog"
import { Field, SearchField } from "../../ui/Field"
import { Icon } from "../../ui/Icon"
import { Menu } from "../../ui/Menu"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { TimeAgo } from "../../ui/Time"
import { toast } from "../../ui/Toast"
import { useBusy } from "../../ui/useBusy"
import { PrimaryDialog } from "./PrimaryDialog"
import styles from "./tree.module.css"
import { blocksInSight, blocksOfAll, LISTED, useListed, useSorted } from "./useListed"

const DRAGGED = "text/x-millrace-experiment"
const SHOWN_TAGS = 3
const COLUMNS: readonly GridColumn[] = [
  { id: "name", label: "Name", width: Math.min(300, innerWidth * 0.55), isFixed: true },
  { id: "runs", label: "Runs", width: 120, align: "end" },
  { id: "best", label: "Best", title: "Best of the primary metric", width: 180 },
  { id: "owner", label: "Owner", title: "Whose most runs are", width: 90 },
  { id: "activity", label: "Last activity", width: 110 },
  {
    id: "size",
    label: "Size",
    title: "Files that came through this server",
    width: 80,
    align: "end",
  },
  { id: "last_update_time", label: "Changed", width: 130 },
  { id: "creation_time", label: "Made", width: 130 },
  { id: "tags", label: "Tags", width: 280, isSortable: false },
  { id: "experiment_id", label: "Id", width: 160 },
  { id: "menu", label: "", title: "Actions", width: 56, isSortable: false },
]

interface Row extends GridRow {
  experiment: Experiment
}

type Asked =
  { kind: "new" } | { kind: "rename" | "delete" | "primary"; experiment: Experiment } | null

/** All experiments, as folders and as a table of one of them. */
export default function ExperimentsPage() {
  const { folder = "" } = useSearch({ strict: false }) as { folder?: string }
  useHeading([{ label: "Experiments", to: paths.experimentTree() }, ...way(folder)])
  const experiments = useQuery(experimentsQuery())
  useFollowed({ topics: ["experiments", "runs"] }, ["experiments"])
  const client = useQueryClient()
  const go = useGo()
  const rowHeight = ROW_HEIGHT[useStore(density)]
  const [text, setText] = useState("")
  const [sort, setSort] = useState({ column: "last_update_time", isDescending: true })
  const [active, setActive] = useState(0)
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const [asked, setAsked] = useState<Asked>(null)
  const [sight, setSight] = useState<[number, number]>([0, 30])
  const sought = useDeferredValue(text.trim().toLowerCase())

  const all = experiments.data
  const top = useMemo(() => foldersOf(all ?? []), [all])
  const found = useMemo(
    () => shownRows(all ?? [], folder, sought, sort.column, sort.isDescending),
    [all, folder, sought, sort],
  )
  const ids = useMemo(() => found.map(({ id }) => id), [found])
  const isSortedByListed = sort.column in LISTED
  const blocks = useMemo(
    () => (isSortedByListed ? blocksOfAll(ids) : blocksInSight(ids, sight)),
    [ids, isSortedByListed, sight],
  )
  const listed = useListed(blocks)
  const order = useSorted(ids, listed, sort.column, sort.isDescending)
  const rows = useMemo(() => {
    const held = new Map(found.map((row) => [row.id, row]))
    return order.flatMap((id) => held.get(id) ?? [])
  }, [found, order])
  const drawn = useMemo(() => {
    const [inSight = [], ...more] = blocksInSight(order, sight)
    return new Map(
      [inSight, ...more].flat().flatMap((id): [string, string][] => {
        const about = listed.get(id)?.about
        return about?.best_run_id && about.primary_metric
          ? [[about.best_run_id, about.primary_metric]]
          : []
      }),
    )
  }, [order, sight, listed])
  const sparks = useQuery(sparksQuery(drawn)).data
  const sparkOf = new Map(sparks?.map((one) => [one.run, one]))
  const onSight = useCallback((from: number, to: number) => setSight([from, to]), [])

  const refresh = () => client.invalidateQueries({ queryKey: ["experiments"] })
  const rename = async (experiment_id: string, new_name: string) => {
    try {
      await call("updateExperiment", { experiment_id, new_name })
      await client.invalidateQueries({ queryKey: ["experiment", experiment_id] })
      toast.done(`Now named ${new_name}`)
      setAsked(null)
    } catch (error) {
      toast.failed("The name is as it was", error)
    }
    await refresh()
  }
  const move = async (id: string, to: string) => {
    const one = all?.find(({ experiment_id }) => experiment_id === id)
    if (!one || parentOf(one.name) === to) return
    await rename(id, [to, leafOf(one.name)].filter(Boolean).join("/"))
  }
  useShortcuts([
    { keys: "/", label: "Search experiments", group: "Experiments", run: () => document.querySelector<HTMLElement>("[type=search]")?.focus() },
    { keys: "n", label: "New experiment", group: "Experiments", run: () => setAsked({ kind: "new" }) },
  ]) // prettier-ignore

  if (experiments.isPending) return <Skeleton label="Loading experiments" />
  if (experiments.isLoadingError) {
    return <FailedState error={experiments.error} onRetry={() => void experiments.refetch()} />
  }
  const flip = (id: string) => {
    const next = new Set(selected)
    if (!next.delete(id)) next.add(id)
    setSelected(next)
  }
  const cell = ({ experiment: one }: Row, { id }: GridColumn) => {
    const known = listed.get(one.experiment_id)
    switch (id) {
      case "name":
        return (
          <div
            className={styles.name}
            draggable
            onDragStart={(event) => event.dataTransfer.setData(DRAGGED, one.experiment_id)}
          >
            <input
              type="checkbox"
              tabIndex={-1}
              aria-label={`Select ${one.name}`}
              checked={selected.has(one.experiment_id)}
              onChange={() => flip(one.experiment_id)}
            />
            <Link to={paths.experiment(one.experiment_id)} title={one.name} tabIndex={-1}>
              {(sought || !folder) && parentOf(one.name) && (
                <span className={styles.muted}>{parentOf(one.name)}/</span>
              )}
              {leafOf(one.name)}
            </Link>
          </div>
        )
      case "runs": {
        if (!known) return null
        return (
          <span>
            {known.running > 0 && (
              <Badge tone="info" dot>
                {count(known.running)} running
              </Badge>
            )}{" "}
            {count(known.total)}
          </span>
        )
      }
      case "best": {
        const { primary_metric: metric, best_run_id: run, best } = known?.about ?? {}
        if (!metric) return null
        if (!run) return <span className={styles.muted}>no {metric} yet</span>
        const spark = sparkOf.get(run)
        return (
          <Link
            to={paths.run(one.experiment_id, run)}
            className={styles.best}
            title={`${metric}: ${String(best)}`}
            tabIndex={-1}
          >
            <b>{value(real(best))}</b>
            {spark && <Sparkline values={spark.values} stroke={strokeOf(run)} width={56} />}
            <small>{metric}</small>
          </Link>
        )
      }
      case "owner": {
        const { owner, owners = 0 } = known?.about ?? {}
        const others = owners > 1 ? `, and ${plural(owners - 1, "other")}` : ""
        return owner ? (
          <span title={owner + others}>{owner + (others && ` +${owners - 1}`)}</span>
        ) : null
      }
      case "activity":
        return known ? <TimeAgo at={known.about.last_activity_ms} /> : null
      case "size": {
        const { files = 0, bytes: size = 0 } = known?.about ?? {}
        if (files === 0) return null
        return <span title={`${count(size)} bytes in ${plural(files, "file")}`}>{bytes(size)}</span>
      }
      case "last_update_time":
      case "creation_time":
        return one[id] ? <TimeAgo at={one[id]} /> : null
      case "tags":
        return (one.tags ?? [])
          .filter(({ key }) => !/^(mlflow|millrace)\./.test(key))
          .slice(0, SHOWN_TAGS)
          .map(({ key, value }) => (
            <Badge key={key} title={`${key}: ${value}`}>
              {key}: {value}
            </Badge>
          ))
      case "menu":
        return (
          <Menu
            align="end"
            trigger={<IconButton icon="more" size="s" label={`Actions of ${one.name}`} tabIndex={-1} />}
            list={[
              { label: "Open", icon: "chevronRight", onSelect: () => go(paths.experiment(one.experiment_id)) },
              { label: "Rename or move", icon: "edit", keys: "F2", onSelect: () => setAsked({ kind: "rename", experiment: one }) },
              { label: "Primary metric", icon: "chart", onSelect: () => setAsked({ kind: "primary", experiment: one }) },
              "line",
              { label: "Delete", icon: "trash", isDangerous: true, keys: "Delete", onSelect: () => setAsked({ kind: "delete", experiment: one }) },
            ]}
          />
        ) // prettier-ignore
      default:
        return <span className={styles.muted}>{one.experiment_id}</span>
    }
  }
  return (
    <div className={styles.layout}>
      <nav className={styles.side} aria-label="Folders">
        <ul>
          <FolderItem
            folder={top}
            current={folder}
            depth={0}
            onDropped={(id, to) => void move(id, to)}
          />
        </ul>
      </nav>
      <div className={styles.main}>
        <div className={styles.bar}>
          <h1>{folder ? leafOf(folder) : "Experiments"}</h1>
          <small>{count(rows.length)}</small>
          <SearchField label="Search by name, id or tag" value={text} onChange={setText} />
          {selected.size > 1 && (
            <Button
              size="s"
              variant="primary"
              onClick={() => go(paths.experiments([...selected]))}
            >{`Open ${selected.size} together`}</Button>
          )}
          <div className={styles.end}>
            <Button variant="primary" icon="plus" onClick={() => setAsked({ kind: "new" })}>
              New experiment
            </Button>
          </div>
        </div>
        {rows.length === 0 ? (
          <EmptyState
            icon="folder"
            title={sought ? "No experiment has that name" : "Nothing in this folder"}
            hint={
              sought
                ? "Search looks at names, ids and tags."
                : "An experiment is in a folder when its name begins with it and a slash."
            }
          >
            <Button icon="plus" onClick={() => setAsked({ kind: "new" })}>
              New experiment
            </Button>
          </EmptyState>
        ) : (
          <DataGrid<Row>
            label="Experiments"
            count={rows.length}
            row={(index) => rows[index]}
            columns={COLUMNS.map((column) =>
              column.id === sort.column
                ? { ...column, sort: { isDescending: sort.isDescending, place: 0 } }
                : column,
            )}
            cell={cell}
            rowHeight={rowHeight}
            active={Math.min(active, rows.length - 1)}
            onActive={setActive}
            isSelected={({ id }) => selected.has(id)}
            onSight={onSight}
            onSort={(column) =>
              setSort({
                column,
                isDescending: column === sort.column ? !sort.isDescending : column !== "name",
              })
            }
            onKey={(event, index) => {
              const one = rows[index]?.experiment
              if (!one) return false
              switch (event.key) {
                case "Enter":
                  go(paths.experiment(one.experiment_id), {
                    newTab: event.ctrlKey || event.metaKey,
                  })
                  return true
                case " ":
                  flip(one.experiment_id)
                  return true
                case "F2":
                  setAsked({ kind: "rename", experiment: one })
                  return true
                case "Delete":
                  setAsked({ kind: "delete", experiment: one })
                  return true
              }
              return false
            }}
            state="ready"
            version={JSON.stringify([
              rows.length,
              [...selected],
              [...listed.values()],
              sparks?.length,
            ])}
          />
        )}
      </div>
      <NameDialog
        key={asked?.kind === "rename" ? asked.experiment.experiment_id : asked?.kind}
        asked={asked}
        folder={folder}
        onClose={() => setAsked(null)}
        onName={async (name) => {
          if (asked?.kind === "rename") return rename(asked.experiment.experiment_id, name)
          try {
            const made = await call("createExperiment", { name })
            setAsked(null)
            await refresh()
            go(paths.experiment(made.experiment_id))
          } catch (error) {
            toast.failed("It was not made", error)
          }
        }}
      />
      {asked?.kind === "primary" && (
        <PrimaryDialog experiment={asked.experiment} onClose={() => setAsked(null)} />
      )}
      {asked?.kind === "delete" && (
        <DeleteDialog
          experiment={asked.experiment}
          onClose={() => setAsked(null)}
          onDone={() => void refresh()}
        />
      )}
    </div>
  )
}

function way(folder: string) {
  const parts = folder.split("/").filter(Boolean)
  return parts.map((label, at) => ({
    label,
    to: paths.experimentTree(parts.slice(0, at + 1).join("/")),
  }))
}

function shownRows(
  all: readonly Experiment[],
  folder: string,
  sought: string,
  column: string,
  isDescending: boolean,
): Row[] {
  const found = all.filter((one) => {
    if (folder && !one.name.startsWith(`${folder}/`)) return false
    if (!sought) return folder ? parentOf(one.name) === folder : true
    const text = [
      one.name,
      one.experiment_id,
      ...(one.tags ?? []).map(({ key, value }) => `${key}: ${value}`),
    ]
    return text.some((part) => part.toLowerCase().includes(sought))
  })
  const key = column as "name" | "experiment_id" | "last_update_time" | "creation_time"
  const sign = isDescending ? -1 : 1
  found.sort((a, b) => {
    const [x, y] = [a[key] ?? 0, b[key] ?? 0]
    return (
      sign *
      (typeof x === "number" && typeof y === "number"
        ? x - y
        : String(x).localeCompare(String(y), undefined, { numeric: true }))
    )
  })
  return found.map((experiment) => ({ id: experiment.experiment_id, experiment }))
}

function FolderItem({
  folder,
  current,
  depth,
  onDropped,
}: {
  folder: Folder
  current: string
  depth: number
  onDropped: (experiment: string, folder: string) => void
}) {
  const holds = current === folder.path || current.startsWith(`${folder.path}/`)
  const [isOpen, setOpen] = useState(depth === 0 || holds)
  const [isOver, setOver] = useState(false)
  const drop = {
    onDragOver: (event: DragEvent) => {
      if (!event.dataTransfer.types.includes(DRAGGED)) return
      event.preventDefault()
      setOver(true)
    },
    onDragLeave: () => setOver(false),
    onDrop: (event: DragEvent) => {
      setOver(false)
      onDropped(event.dataTransfer.getData(DRAGGED), folder.path)
    },
  }
  const name = folder.name || "All experiments"
  return (
    <li>
      <div
        className={styles.folder}
        style={{ paddingInlineStart: depth * 14 }}
        data-current={current === folder.path ? "" : undefined}
        data-over={isOver ? "" : undefined}
        {...drop}
      >
        {folder.folders.length > 0 ? (
          <button
            type="button"
            aria-expanded={isOpen}
            aria-label={`Open ${name}`}
            onClick={() => setOpen(!isOpen)}
          >
            <Icon name={isOpen ? "chevronDown" : "chevronRight"} size={12} />
          </button>
        ) : (
          <span style={{ width: "1.5rem" }} />
        )}
        <Link
          to={paths.experimentTree(folder.path)}
          title={folder.path || name}
          aria-current={current === folder.path ? "page" : undefined}
        >
          {name}
        </Link>
        <small>{count(folder.count)}</small>
      </div>
      {isOpen && folder.folders.length > 0 && (
        <ul>
          {folder.folders.map((one) => (
            <FolderItem
              key={one.path}
              folder={one}
              current={current}
              depth={depth + 1}
              onDropped={onDropped}
            />
          ))}
        </ul>
      )}
    </li>
  )
}

function NameDialog({
  asked,
  folder,
  onClose,
  onName,
}: {
  asked: Asked
  folder: string
  onClose: () => void
  onName: (name: string) => Promise<void>
}) {
  const before = asked?.kind === "rename" ? asked.experiment.name : folder && `${folder}/`
  const [name, setName] = useState(before)
  const wanted = name.trim()
  const missing = (!wanted || wanted.endsWith("/")) && "It needs a name."
  const [isBusy, once] = useBusy()
  const act = () => {
    if (!missing) void once(() => onName(wanted))
  }
  return (
    <Dialog
      open={asked?.kind === "new" || asked?.kind === "rename"}
      onClose={onClose}
      title={asked?.kind === "rename" ? "Rename or move" : "New experiment"}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            onClick={act}
            disabledBecause={isBusy ? "It is being done." : missing}
          >
            {asked?.kind === "rename" ? "Rename" : "Create"}
          </Button>
        </>
      }
    >
      <Field
        label="Name"
        value={name}
        onChange={setName}
        onEnter={act}
        autoFocus
        hint="What stands before a slash is a folder: team/project/experiment."
      />
    </Dialog>
  )
}

function DeleteDialog({
  experiment,
  onClose,
  onDone,
}: {
  experiment: Experiment
  onClose: () => void
  onDone: () => void
}) {
  const { experiment_id, name } = experiment
  const runs = useQuery(listedQuery([experiment_id])).data?.find(
    ({ id }) => id === experiment_id,
  )?.total
  const restore = async () => {
    try {
      await call("restoreExperiment", { experiment_id })
      toast.done(`${name} is back`)
    } catch (error) {
      toast.failed("It was not restored", error)
    }
    onDone()
  }
  const remove = async () => {
    onClose()
    try {
      await call("deleteExperiment", { experiment_id })
      toast.done(`${name} moved to the trash`, () => void restore())
    } catch (error) {
      toast.failed("It was not deleted", error)
    }
    onDone()
  }
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      onConfirm={() => void remove()}
      title={`Delete ${leafOf(name)}?`}
      text={`The experiment and its ${runs === undefined ? "runs" : plural(runs, "run")} go to the trash, and can be restored from there.`}
      action="Delete"
    />
  )
}
