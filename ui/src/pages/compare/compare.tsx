import { queryOptions, useQuery } from "@tanstack/react-query"
import { useSearch } from "@tanstack/react-router"
import { useCallback, useMemo, useRef, useState } from "react"
import { call } from "../../api/client"
import type { Run } from "../../api/generated"
import {
  compareRows,
  SECTIONS,
  seemsMaximized,
  type CompareRow,
} from "../../components/compare-rows"
import {
  DataGrid,
  type GridColumn,
  type GridHandle,
  type GridRow,
} from "../../components/grid/DataGrid"
import { useGo } from "../../components/Link"
import { PanelArea } from "../../components/PanelArea"
import { useHeading } from "../../components/shell/heading"
import { dateTime, duration, plural, value } from "../../lib/format"
import { useShortcuts } from "../../lib/keys"
import { density, ROW_HEIGHT } from "../../lib/prefs"
import { useStore } from "../../lib/store"
import { paths } from "../../paths"
import { Button } from "../../ui/Button"
import { later } from "../../ui/later"
import { EmptyState, FailedState, NoticeBar, Skeleton } from "../../ui/States"
import { Segments } from "../../ui/Tabs"
import { Toggle } from "../../ui/Toggle"
import styles from "./compare.module.css"

const FilesOfTwo = later(async () => import("./files"))
const MediaOfRuns = later(async () => import("./media"))

const TABS = [
  { key: "table", label: "Table", icon: "table" },
  { key: "charts", label: "Charts", icon: "chart" },
  { key: "code", label: "Code", icon: "code" },
  { key: "environment", label: "Environment", icon: "settings" },
  { key: "artifacts", label: "Artifacts", icon: "file" },
  { key: "media", label: "Media", icon: "image" },
] as const
const MOST = 200
const KEY_WIDTH = 220
const RUN_WIDTH = 180

interface Search {
  runs?: string
  experiments?: string
  base?: string
  tab?: string
  only?: string
  step?: string
}

interface Row extends GridRow {
  row: CompareRow | null
  label: string
}

type Deltas = "none" | "number" | "percent"

const runsQuery = (ids: readonly string[], experiments: readonly string[]) =>
  queryOptions({
    queryKey: ["runs", "compare", ids, experiments],
    queryFn: async ({ signal }): Promise<Run[]> => {
      // Whoever wrote the address may not have known the experiments.
      const first = ids[0] ?? ""
      const experiment_ids =
        experiments.length > 0
          ? [...experiments]
          : [(await call("getRun", { run_id: first }, { signal })).run.info.experiment_id]
      const filter = `attributes.run_id IN (${ids.map((id) => `'${id}'`).join(", ")})`
      const asked = { experiment_ids, filter, max_results: MOST, run_view_type: "ALL" as const }
      const found = new Map(
        ((await call("searchRuns", asked, { signal })).runs ?? []).map((run) => [
          run.info.run_id,
          run,
        ]),
      )
      const missing = ids.filter((id) => !found.has(id))
      const others = await Promise.allSettled(
        missing.map((run_id) => call("getRun", { run_id }, { signal })),
      )
      for (const one of others) {
        if (one.status === "fulfilled") found.set(one.value.run.info.run_id, one.value.run)
      }
      return ids.flatMap((id) => found.get(id) ?? [])
    },
    enabled: ids.length > 0,
  })

export default function ComparePage() {
  const search: Search = useSearch({ strict: false })
  const ids = useMemo(
    () => (search.runs ?? "").split(",").filter(Boolean).slice(0, MOST),
    [search.runs],
  )
  const experiments = useMemo(
    () => (search.experiments ?? "").split(",").filter(Boolean),
    [search.experiments],
  )
  useHeading([
    { label: "Experiments", to: paths.experimentTree() },
    { label: `Compare ${plural(ids.length, "run")}` },
  ])
  const found = useQuery(runsQuery(ids, experiments))
  if (ids.length === 0) {
    return (
      <EmptyState
        icon="compare"
        title="Nothing to compare"
        hint="Select runs in a table and press c."
      />
    )
  }
  if (found.isPending) return <Skeleton label="Loading runs" />
  if (found.isLoadingError)
    return <FailedState error={found.error} onRetry={() => void found.refetch()} />
  return <Comparison key={search.runs} runs={found.data} asked={ids.length} search={search} />
}

function Comparison({
  runs: all,
  asked,
  search,
}: {
  runs: readonly Run[]
  asked: number
  search: Search
}) {
  const go = useGo()
  const grid = useRef<GridHandle>(null)
  const [active, setActive] = useState(1)
  const [deltas, setDeltas] = useState<Deltas>("none")
  const [sight, setSight] = useState<[number, number]>([0, 0])
  const rowHeight = ROW_HEIGHT[useStore(density)]
  const isOnly = search.only === "differences"
  const tab = TABS.find(({ key }) => key === search.tab)?.key ?? "table"
  const runs = useMemo(() => {
    const base = all.find(({ info }) => info.run_id === search.base)
    return base ? [base, ...all.filter((run) => run !== base)] : [...all]
  }, [all, search.base])
  const rows = useMemo(() => compareRows(runs, seemsMaximized), [runs])
  const differing = rows.filter(({ differs }) => differs).length
  const shown = useMemo(() => {
    const kept = isOnly ? rows.filter(({ differs }) => differs) : rows
    return SECTIONS.flatMap((section): Row[] => {
      const own = kept.filter((row) => row.section === section)
      if (own.length === 0) return []
      return [
        { id: section, row: null, label: section, isGroup: true },
        ...own.map((row) => ({ id: row.id, row, label: row.key })),
      ]
    })
  }, [rows, isOnly])
  const write = (patch: Search) => {
    const next = { ...search, ...patch }
    const query = Object.entries(next).filter((pair): pair is [string, string] => Boolean(pair[1]))
    go(
      `/compare?${query.map(([key, text]) => `${key}=${encodeURIComponent(text).replaceAll("%2C", ",")}`).join("&")}`,
      {
        replace: true,
      },
    )
  }
  const step = (by: number) => {
    for (let at = active + by; at >= 0 && at < shown.length; at += by) {
      if (shown[at]?.row?.differs) {
        setActive(at)
        grid.current?.scrollTo(at)
        grid.current?.focus()
        return
      }
    }
  }
  useShortcuts([
    { keys: "n", label: "Next difference", group: "Compare", run: () => step(1) },
    { keys: "N", label: "Difference before", group: "Compare", run: () => step(-1) },
    {
      keys: "d",
      label: "Differences only",
      group: "Compare",
      run: () => write({ only: isOnly ? "" : "differences" }),
    },
  ])
  const onSight = useCallback((from: number, to: number) => setSight([from, to]), [])
  const columns = useMemo(
    (): GridColumn[] => [
      {
        id: "key",
        label: "",
        title: "Key",
        width: Math.min(KEY_WIDTH, innerWidth * 0.4),
        isFixed: true,
      },
      ...runs.map(({ info }, at): GridColumn => ({
        id: String(at),
        label: info.run_name,
        title: `${info.run_name} (${info.run_id})`,
        width: RUN_WIDTH,
        isFixed: at === 0 && runs.length > 1 && innerWidth > 700,
        menu: [
          {
            label: "Open",
            icon: "chevronRight",
            onSelect: () => go(paths.run(info.experiment_id, info.run_id)),
          },
          {
            label: "Compare with this",
            icon: "compare",
            onSelect: () => write({ base: info.run_id }),
          },
          {
            label: "Leave out",
            icon: "close",
            onSelect: () =>
              write({
                runs: all
                  .map((run) => run.info.run_id)
                  .filter((id) => id !== info.run_id)
                  .join(),
              }),
          },
        ],
      })),
    ],
    // What a menu does depends on the address, which names the runs.
    // eslint-disable-next-line react-hooks/exhaustive-deps
    [runs, search],
  )
  return (
    <div className={styles.page} data-sight={sight.join()}>
      {all.length < asked && (
        <NoticeBar>{`${asked - all.length} of ${plural(asked, "run")} could not be read.`}</NoticeBar>
      )}
      <div className={styles.bar}>
        <h1>{`Compare ${plural(runs.length, "run")}`}</h1>
        <Segments
          label="View"
          value={tab}
          onChange={(next) => write({ tab: next === "table" ? "" : next })}
          choices={TABS}
        />
        {tab === "table" && (
          <>
            <Toggle on={isOnly} onChange={(on) => write({ only: on ? "differences" : "" })}>
              Differences only
            </Toggle>
            <small data-testid="differences">{plural(differing, "difference")}</small>
            <Button size="s" variant="quiet" icon="chevronUp" onClick={() => step(-1)}>
              Previous
            </Button>
            <Button size="s" variant="quiet" icon="chevronDown" onClick={() => step(1)}>
              Next
            </Button>
            <div className={styles.end}>
              <Segments
                label="Deltas"
                value={deltas}
                onChange={setDeltas}
                choices={[
                  { key: "none", label: "Values" },
                  { key: "number", label: "+ Δ" },
                  { key: "percent", label: "+ %" },
                ]}
              />
            </div>
          </>
        )}
      </div>
      {tab === "charts" ? (
        <div className={styles.panels}>
          <PanelArea
            experimentIds={[...new Set(runs.map(({ info }) => info.experiment_id))]}
            runs={runs.map(({ info }) => ({ id: info.run_id, name: info.run_name }))}
            base={search.base ?? null}
            name="compare"
          />
        </div>
      ) : tab === "media" ? (
        <MediaOfRuns
          runs={runs}
          step={search.step === undefined ? null : Number(search.step)}
          onStep={(next) => write({ step: next === null ? "" : String(next) })}
        />
      ) : tab !== "table" ? (
        <FilesOfTwo runs={runs} tab={tab} />
      ) : shown.length === 0 ? (
        <EmptyState
          icon="check"
          title="No differences"
          hint="In all that was recorded these runs are the same."
        />
      ) : (
        <DataGrid<Row>
          ref={grid}
          label="Comparison"
          count={shown.length}
          row={(index) => shown[index]}
          columns={columns}
          cell={({ row, label }, { id }) => {
            if (id === "key") {
              return (
                <span className={row ? "" : styles.section} title={label}>
                  {label}
                </span>
              )
            }
            return row && <Value row={row} at={Number(id)} deltas={deltas} />
          }}
          rowHeight={rowHeight}
          active={Math.min(active, shown.length - 1)}
          onActive={setActive}
          isSelected={() => false}
          onSight={onSight}
          state="ready"
          version={`${deltas} ${isOnly}`}
        />
      )}
    </div>
  )
}

function Value({ row, at, deltas }: { row: CompareRow; at: number; deltas: Deltas }) {
  const held = row.values[at]
  if (held === undefined) return null
  const base = row.values[0]
  const isNumber = row.section === "Metrics" && typeof held === "number"
  const by = isNumber && at > 0 && typeof base === "number" ? held - base : 0
  const percent = typeof base === "number" && base !== 0 ? (by / Math.abs(base)) * 100 : Number.NaN
  const sign = by > 0 ? "+" : ""
  return (
    <>
      <span
        className={styles.value}
        title={String(held)}
        data-best={row.best === at ? "" : undefined}
        data-same={row.differs ? undefined : ""}
      >
        {text(row, held)}
      </span>
      {by !== 0 && deltas !== "none" && (
        <small className={styles.delta}>
          {deltas === "number"
            ? sign + value(by)
            : Number.isNaN(percent)
              ? ""
              : `${sign}${value(percent)} %`}
        </small>
      )}
    </>
  )
}

function text(row: CompareRow, held: string | number): string {
  if (row.section === "Metrics") return value(Number(held))
  if (row.id === "Attributes Started") return dateTime(Number(held))
  if (row.id === "Attributes Duration") return duration(Number(held))
  return String(held)
}
