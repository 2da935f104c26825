import { useQueries, useQuery } from "@tanstack/react-query"
import { useParams, useSearch } from "@tanstack/react-router"
import { useCallback, useMemo, useState, type PointerEvent } from "react"
import { call } from "../../api/client"
import { ApiError } from "../../api/errors"
import type { View as SavedView } from "../../api/generated"
import { experimentQuery } from "../../api/queries"
import { ExperimentTabs } from "../../components/ExperimentTabs"
import { PanelArea, type PanelRun } from "../../components/PanelArea"
import { QueryBar } from "../../components/query/QueryBar"
import { deleteRuns } from "../../components/runs/actions"
import { BulkBar, type BulkDialog } from "../../components/runs/BulkBar"
import { runKeysQuery } from "../../components/runs/ColumnPicker"
import { FIRST_COLUMNS, NAME } from "../../components/runs/columns"
import { exportCsv, exportParquet } from "../../components/runs/export"
import type { RunRow, Spec } from "../../components/runs/rows"
import { RunTable } from "../../components/runs/RunTable"
import { NOTHING, size, type Selection } from "../../components/runs/selection"
import { Toolbar } from "../../components/runs/Toolbar"
import { useNarrowed } from "../../components/runs/useNarrowed"
import { useRows, type RowsState } from "../../components/runs/useRows"
import { useView } from "../../components/runs/useView"
import { readView } from "../../components/runs/ViewMenu"
import { useHeading } from "../../components/shell/heading"
import { joined, keyed, parsed } from "../../lib/filter"
import { count, plural } from "../../lib/format"
import { useShortcuts } from "../../lib/keys"
import { serverAddress } from "../../lib/page"
import { firstSteps } from "../../lib/snippets"
import { store } from "../../lib/store"
import type { View } from "../../lib/view"
import { paths } from "../../paths"
import { Button } from "../../ui/Button"
import { Snippet } from "../../ui/Copy"
import { ConfirmDialog } from "../../ui/Dialog"
import { EmptyState, FailedState, NoticeBar, Skeleton } from "../../ui/States"
import { AsOf } from "../../ui/Time"
import { toast } from "../../ui/Toast"
import styles from "./workspace.module.css"

const FIRST_METRICS = 4
const FIRST_PARAMS = 4
const NONE: ReadonlySet<string> = new Set()

/** Runs of one experiment, or of several together: found, ordered, compared. */
export default function WorkspacePage() {
  const { eid = "0" } = useParams({ strict: false })
  const experiments = useMemo(() => eid.split(","), [eid])
  return <Opened key={eid} experiments={experiments} />
}

/** Nothing is asked for before it is known what the view says that the address names. */
function Opened({ experiments }: { experiments: readonly string[] }) {
  const { view } = useSearch({ strict: false }) as { view?: string }
  // Later addresses are written by the page itself.
  const [view_id = ""] = useState(view)
  const named = useQuery({
    queryKey: ["view", view_id],
    queryFn: async ({ signal }) => (await call("getView", { view_id }, { signal })).view,
    enabled: view_id !== "",
  })
  if (view_id && named.isPending) return <Skeleton label="Loading the view" />
  return (
    <Workspace experiments={experiments} named={named.data ?? null} isGone={named.isLoadingError} />
  )
}

function Workspace({
  experiments,
  named,
  isGone,
}: {
  experiments: readonly string[]
  /** The view that the address names. */
  named: SavedView | null
  isGone: boolean
}) {
  const opened = useMemo(() => named && readView(named.document), [named])
  const { view, change, isUnknown } = useView(experiments, opened)
  const [selection, setSelection] = useState<Selection>(() => ({
    ids: new Set(view.selected),
    isAll: false,
  }))
  const [expanded, setExpanded] = useState<ReadonlySet<string>>(NONE)
  const [dialog, setDialog] = useState<BulkDialog>(null)
  const infos = useQueries({ queries: experiments.map((id) => experimentQuery(id)) })
  const names = infos.map(({ data }, at) => data?.name ?? experiments[at] ?? "")
  const isTogether = experiments.length > 1
  const title = isTogether ? plural(experiments.length, "experiment") : (names[0] ?? "")
  useHeading(
    [{ label: "Experiments", to: paths.experimentTree() }, { label: title }],
    infos[0]?.data && { to: paths.experiments([...experiments]), label: title, kind: "experiment" },
  )

  const meaning = useMemo(() => parsed(view.q), [view.q])
  const base = useMemo(
    () => ({
      experiment_ids: [...experiments],
      view: view.lifecycle === "deleted" ? ("DELETED_ONLY" as const) : ("ACTIVE_ONLY" as const),
    }),
    [experiments, view.lifecycle],
  )
  const matching = useMemo(
    () => ({
      ...base,
      filter: meaning.kind === "filter" ? meaning.text : undefined,
      text: meaning.kind === "words" ? meaning.text : undefined,
    }),
    [base, meaning],
  )
  const spec = useMemo<Spec | null>(() => {
    const isPlain = !view.isTree || view.group.length > 0
    return {
      ...matching,
      order_by: view.sort,
      maximize: view.maximize,
      group_by: view.group.length > 0 ? view.group : undefined,
      tree: isPlain ? undefined : { expanded: [...expanded] },
    }
  }, [matching, view.sort, view.maximize, view.group, view.isTree, expanded])

  const chosen = useFirstColumns(experiments, view)
  const placed = useMemo(
    () => (isTogether && view.columns === null ? ["attributes.experiment_id", ...chosen] : chosen),
    [isTogether, view.columns, chosen],
  )
  const columns = useNarrowed(placed, matching, view)
  const needed = useMemo(() => {
    const more = columns.includes("attributes.status") ? ["attributes.liveness"] : []
    if (isTogether) more.push("attributes.experiment_id")
    return [...new Set([NAME, ...columns, ...more])]
  }, [columns, isTogether])
  const [drawn, setDrawn] = useState(FIRST_DRAWN)
  const state = useRows(spec, needed, view.arrangement === "table" ? 0 : drawn)
  const [pointed] = useState(() => store<string | null>(null))
  const apart = useApart(base, view, needed)

  const select = useCallback(
    (next: Selection) => {
      setSelection(next)
      change({ selected: next.isAll ? [] : [...next.ids] })
    },
    [change],
  )
  const chosenIds = useCallback(async () => {
    if (!selection.isAll) return [...selection.ids]
    const found: string[] = []
    for (let offset = 0, runs = 1, cursor: string | undefined; offset < runs; offset += 1000) {
      const answer = await call("queryRunTable", { ...matching, offset, limit: 1000, cursor })
      cursor = answer.cursor
      runs = answer.runs
      found.push(...(answer.run_ids ?? []))
    }
    return found
  }, [selection, matching])

  const about = selection.isAll
    ? { experiments, match: { filter: matching.filter, text: matching.text, view: matching.view } }
    : { experiments, ids: [...selection.ids] }

  const rename = async (run_id: string, run_name: string) => {
    try {
      await call("updateRun", { run_id, run_name })
    } catch (error) {
      toast.failed("The name is as it was", error)
    }
    state.renew()
  }
  const exportMatches = async (format: "csv" | "parquet") => {
    if (!spec) return
    const ids = selection.ids.size > 0 ? selection.ids : null
    try {
      if (format === "csv") await exportCsv(spec, columns, title, ids)
      else await exportParquet(spec, columns, title, ids)
      toast.done(`${plural(ids?.size ?? state.rows?.runs ?? 0, "run")} exported`)
    } catch (error) {
      toast.failed("Nothing was exported", error)
    }
  }
  useShortcuts([
    {
      keys: "1",
      label: "Table alone",
      group: "Workspace",
      run: () => change({ arrangement: "table" }),
    },
    {
      keys: "2",
      label: "List and panels",
      group: "Workspace",
      run: () => change({ arrangement: "split" }),
    },
    {
      keys: "3",
      label: "Panels alone",
      group: "Workspace",
      run: () => change({ arrangement: "panels" }),
    },
    {
      keys: "d",
      label: "Differing columns only",
      group: "Table",
      run: () => change({ differing: !view.differing }),
    },
    ...TABLE_KEYS,
  ])

  const { version } = state
  const shown = useMemo(
    () => shownRuns(state, apart.pinned, view.hidden, drawn),
    // Rows change in place; their version says so.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [state.rows, version, view.pinned, view.hidden, drawn],
  )
  const failed = infos.find(({ isLoadingError }) => isLoadingError)
  if (failed) return <FailedState error={failed.error} onRetry={() => void failed.refetch()} />
  const total = state.rows?.total ?? null
  const runs = state.rows?.runs ?? 0
  const trouble = state.refusal !== null && !isOfQuery(state.refusal) ? state.refusal : state.error
  const isEmpty = total === 0 && meaning.kind === "empty"
  const table = (
    <RunTable
      experiments={experiments}
      names={names}
      view={view}
      change={change}
      columns={columns}
      state={state}
      pinned={apart.pinned}
      base={apart.base}
      expanded={expanded}
      onExpand={(id, isOpen) => {
        const next = new Set(expanded)
        if (isOpen) next.add(id)
        else next.delete(id)
        setExpanded(next)
      }}
      selection={selection}
      onSelect={select}
      onRename={(id, name) => void rename(id, name)}
      onTag={() => setDialog("tag")}
      onDelete={() => setDialog(view.lifecycle === "deleted" ? null : "delete")}
      pointed={pointed}
      empty={
        isEmpty ? (
          <NoRuns experiment={names[0] ?? ""} isDeleted={view.lifecycle === "deleted"} />
        ) : (
          <EmptyState icon="filter" title="No run matches" hint={<code>{view.q}</code>}>
            <Button onClick={() => change({ q: "" })}>Clear the query</Button>
          </EmptyState>
        )
      }
    />
  )
  return (
    <div className={styles.page}>
      {isGone && (
        <NoticeBar>
          The view of this address is not there: it was deleted, or nobody has opened it for long.
          You see the usual one.
        </NoticeBar>
      )}
      {(isUnknown || (named && !opened)) && (
        <NoticeBar>This address holds a view of another version; you see the usual one.</NoticeBar>
      )}
      <div className={styles.top}>
        {!isTogether && <ExperimentTabs id={experiments[0] ?? "0"} at="runs" />}
        <QueryBar
          value={view.q}
          onChange={(q) => change({ q })}
          experiments={experiments}
          refusal={state.refusal}
        />
        {state.rows !== null && total !== null && trouble !== null && (
          <FailedState
            error={trouble}
            title={
              <>
                These are the runs <AsOf at={state.rows.heardAt} />
              </>
            }
            onRetry={state.renew}
            isInline
          />
        )}
        <Toolbar
          experiments={experiments}
          named={named?.view_id ?? null}
          view={view}
          change={change}
          columns={columns}
          onExport={(format) => void exportMatches(format)}
        >
          <span className={styles.count} data-testid="count">
            {total === null ? "…" : plural(runs, "run")}
            {view.group.length > 0 && total !== null && ` in ${plural(total, "row")}`}
          </span>
        </Toolbar>
      </div>
      <BulkBar
        selection={selection}
        matching={runs}
        experiments={experiments}
        isDeleted={view.lifecycle === "deleted"}
        idsOf={chosenIds}
        about={about}
        dialog={dialog}
        setDialog={setDialog}
        onSelectAll={() => select({ ids: new Set(), isAll: true })}
        onClear={() => select(NOTHING)}
        onHide={(ids) => change({ hidden: [...new Set([...view.hidden, ...ids])] })}
        onChanged={() => {
          select(NOTHING)
          state.renew()
        }}
      />
      <ConfirmDialog
        open={dialog === "delete"}
        onClose={() => setDialog(null)}
        onConfirm={() => {
          setDialog(null)
          select(NOTHING)
          void deleteRuns(about, state.renew)
        }}
        title={`Delete ${plural(size(selection, runs), "run")}?`}
        text="They go to the trash with all that was logged to them, and can be restored from there."
        action={`Delete ${count(size(selection, runs))}`}
      />
      <div className={styles.body} data-arrangement={view.arrangement}>
        {view.arrangement !== "panels" && (
          <div
            className={styles.list}
            style={
              view.arrangement === "split"
                ? { width: `${view.share}%`, minWidth: 280 }
                : { flex: 1 }
            }
          >
            <div className={styles.over}>
              {state.newer > 0 && (
                <div className={styles.newer}>
                  <Button size="s" variant="primary" onClick={state.renew}>
                    {count(state.newer)} new
                  </Button>
                </div>
              )}
              {table}
            </div>
          </div>
        )}
        {view.arrangement === "split" && (
          <Divider share={view.share} onChange={(share) => change({ share })} />
        )}
        {view.arrangement !== "table" && (
          <div className={styles.panels} data-testid="panels">
            <PanelArea
              experimentIds={experiments}
              runs={shown}
              match={{
                filter: matching.filter,
                text: matching.text,
                view: matching.view,
                total: runs,
              }}
              hidden={view.hidden}
              base={view.base}
              pointed={pointed}
              layout={view.panels}
              onLayout={(panels) => change({ panels })}
              name={`experiment:${experiments.join()}`}
              onMore={setDrawn}
              onFilter={(text) => change({ q: joined(view.q, text) })}
              onSelect={(ids) => select({ ids: new Set(ids), isAll: false })}
            />
          </div>
        )}
      </div>
    </div>
  )
}

const TABLE_KEYS = (
  [
    ["j", "Next row"],
    ["k", "Row before"],
    [" ", "Select"],
    ["shift+ArrowDown", "Select a range"],
    ["ctrl+a", "Select all that match"],
    ["Enter", "Open"],
    ["c", "Compare"],
    ["p", "Pin on top"],
    ["b", "Base of comparison"],
    ["v", "Show or hide in charts"],
    ["F2", "Rename"],
    ["t", "Tag"],
    ["Delete", "Delete"],
  ] as const
).map(([keys, label]) => ({
  keys,
  label,
  group: "Table",
  // The table acts on them while it has the focus.
  run: () => document.querySelector<HTMLElement>("[role=treegrid]")?.focus(),
}))

/** The query bar shows what the server has against its text. */
const isOfQuery = (refusal: unknown) => refusal instanceof ApiError && refusal.field === "filter"

/** The columns of the view; until somebody has chosen, those that most runs have. */
function useFirstColumns(experiments: readonly string[], view: View): readonly string[] {
  const asked = { experiment_ids: [...experiments], order: "coverage" as const }
  const isOpen = view.columns === null
  const metrics = useQuery({
    ...runKeysQuery({ ...asked, kind: "metric", limit: FIRST_METRICS }),
    enabled: isOpen,
  })
  const params = useQuery({
    ...runKeysQuery({ ...asked, kind: "param", limit: FIRST_PARAMS }),
    enabled: isOpen,
  })
  const [found, setFound] = useState<readonly string[]>(FIRST_COLUMNS)
  const keys = JSON.stringify(
    [metrics.data?.keys ?? [], params.data?.keys ?? []].map((list) => list.map(({ key }) => key)),
  )
  const [taken, setTaken] = useState("[[],[]]")
  // Once, when they are known: a new key never enters by itself.
  if (isOpen && keys !== taken && found === FIRST_COLUMNS && metrics.data && params.data) {
    setTaken(keys)
    const [first = [], second = []] = JSON.parse(keys) as string[][]
    if (first.length + second.length > 0) {
      setFound([
        ...FIRST_COLUMNS,
        ...first.map((key) => keyed("metrics", key)),
        ...second.map((key) => keyed("params", key)),
      ])
    }
  }
  return view.columns ?? found
}

/** Rows that are shown wherever they are in the order: pinned ones, and the base. */
function useApart(
  base: Pick<Spec, "experiment_ids" | "view">,
  view: View,
  columns: readonly string[],
): { pinned: RunRow[]; base: RunRow | undefined } {
  const ids = [...new Set([...view.pinned, ...(view.base ? [view.base] : [])])]
  const filter = `attributes.run_id IN (${ids.map((id) => `'${id}'`).join(", ")})`
  const spec = ids.length > 0 ? { ...base, filter, maximize: view.maximize } : null
  const { rows } = useRows(spec, columns)
  const found = new Map<string, RunRow>()
  if (spec && rows) {
    for (let at = 0; at < (rows.total ?? 0); at++) {
      const row = rows.at(at)
      if (row?.kind === "run") found.set(row.id, row)
    }
  }
  return {
    pinned: view.pinned.flatMap((id) => found.get(id) ?? []),
    base: view.base ? found.get(view.base) : undefined,
  }
}

/** More are drawn when somebody asks for them. */
const FIRST_DRAWN = 100

/** Runs that charts draw: the first *most* of the table, those whose eye is open. */
function shownRuns(
  { rows }: RowsState,
  pinned: readonly RunRow[],
  hidden: readonly string[],
  most: number,
): PanelRun[] {
  const left = new Set(hidden)
  const found = new Map<string, PanelRun>()
  const add = (row: RunRow) => {
    if (left.has(row.id) || found.has(row.id)) return
    const isRunning = row.cell("attributes.status") === "RUNNING"
    found.set(row.id, { id: row.id, name: String(row.cell(NAME) ?? row.id), isRunning })
  }
  pinned.forEach(add)
  for (let at = 0; at < Math.min(rows?.total ?? 0, most); at++) {
    const row = rows?.at(at)
    if (row?.kind === "run" && row.matches) add(row)
  }
  return [...found.values()]
}

function Divider({ share, onChange }: { share: number; onChange: (share: number) => void }) {
  const onPointerMove = (event: PointerEvent<HTMLDivElement>) => {
    if (!event.currentTarget.hasPointerCapture(event.pointerId)) return
    const box = event.currentTarget.parentElement?.getBoundingClientRect()
    if (box) onChange(within(((event.clientX - box.left) / box.width) * 100))
  }
  return (
    <div
      className={styles.divider}
      role="separator"
      tabIndex={0}
      aria-label="Width of the list"
      aria-orientation="vertical"
      aria-valuenow={Math.round(share)}
      aria-valuemin={15}
      aria-valuemax={70}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
      onPointerMove={onPointerMove}
      onKeyDown={(event) => {
        const step = { ArrowLeft: -2, ArrowRight: 2 }[event.key]
        if (step) onChange(within(share + step))
      }}
    />
  )
}

function within(share: number): number {
  return Math.round(Math.max(15, Math.min(70, share)) * 10) / 10
}

function NoRuns({ experiment, isDeleted }: { experiment: string; isDeleted: boolean }) {
  if (isDeleted)
    return (
      <EmptyState
        icon="trash"
        title="No deleted runs"
        hint="Deleted runs of this experiment would be here."
      />
    )
  return (
    <EmptyState icon="experiments" title="No runs yet" hint="Runs show here as soon as they begin.">
      <div className={styles.snippets}>
        <Snippet label="Python" text={firstSteps(serverAddress(), experiment)[0]?.text ?? ""} />
      </div>
    </EmptyState>
  )
}
