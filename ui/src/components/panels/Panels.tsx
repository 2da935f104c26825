import { useQuery } from "@tanstack/react-query"
import { useDeferredValue, useEffect, useMemo, useRef, useState, type ReactNode } from "react"
import { useChanges } from "../../api/live"
import { CrosshairBus } from "../../charts/bus"
import { began, did, redone, undone, type History } from "../../charts/history"
import {
  added,
  changed,
  duplicated,
  EMPTY_LAYOUT,
  moved,
  OWN,
  readLayout,
  removed,
  resized,
  sectionsOf,
  settingsOf,
  toggled,
  type Layout,
  type Panel,
  type PanelSettings,
  type Section,
} from "../../charts/layout"
import type { View } from "../../charts/line"
import { PanelGrid } from "../../charts/PanelGrid"
import { count, plural } from "../../lib/format"
import { useShortcuts } from "../../lib/keys"
import { remembered, useStore, type Store } from "../../lib/store"
import { Button } from "../../ui/Button"
import { Icon } from "../../ui/Icon"
import { later } from "../../ui/later"
import type { MenuEntry } from "../../ui/Menu"
import { EmptyState, ErrorBoundary, FailedState, NoticeBar, Skeleton } from "../../ui/States"
import type { PanelAreaProps } from "../PanelArea"
import { LinePanel } from "./LinePanel"
import styles from "./Panels.module.css"
import { PanelToolbar } from "./PanelToolbar"
import { MANY_KEYS, metricKeysQuery, MOST_RUNS, refreshSeries, type Scope } from "./scope"

const Waiting = () => <div className={styles.waiting} />
const ColumnPanel = later(async () => import("./ColumnPanel"), Waiting)
const RidgePanel = later(async () => import("./RidgePanel"), Waiting)
const PanelEditor = later(
  async () => import("./PanelEditor"),
  () => null,
)

const WHOLE: View = { x: null, y: null }
const OPEN_AT_MOST = 30

const layouts = new Map<string, Store<Layout>>()

/** What this browser remembers under a name; one store for each. */
function layoutStore(name: string): Store<Layout> {
  const found = layouts.get(name) ?? remembered(`panels.${name}`, EMPTY_LAYOUT, readLayout)
  layouts.set(name, found)
  return found
}

/** New metrics of runs that go on are looked for so often. */
const KEYS_MS = 10_000

export default function Panels(props: PanelAreaProps) {
  const { experimentIds, runs, match, hidden, base, prefix = "", pointed } = props
  const own = layoutStore(props.name ?? experimentIds.join(","))
  const stored = useStore(own)
  const layout = useMemo(
    () => (props.onLayout ? (readLayout(props.layout) ?? EMPTY_LAYOUT) : stored),
    [props.onLayout, props.layout, stored],
  )
  const { history, change, step } = useHistory(layout, (next) => {
    if (props.onLayout) props.onLayout(next)
    else own.set(next)
  })

  const [pattern, setPattern] = useState("")
  const [isAll, setAll] = useState(false)
  const [full, setFull] = useState<string | null>(null)
  const [edited, setEdited] = useState<Panel | "new" | null>(null)
  const [views, setViews] = useState<Readonly<Record<string, View>>>({})
  const [isLinked, setLinked] = useState(false)
  const bus = useMemo(() => new CrosshairBus(), [])
  const scope: Scope = useSame({ experimentIds, runs: runs.slice(0, MOST_RUNS), match, hidden })

  const search = useDeferredValue(pattern)
  const test = useMemo(() => regularOf(search), [search])
  const isPlain = /^[\w./-]*$/.test(search)
  const keys = useQuery(
    metricKeysQuery(scope, {
      prefix,
      contains: isPlain ? search : "",
      isAll: isAll || (search !== "" && !isPlain),
    }),
  )
  const growing = runs.flatMap(({ id, isRunning }) => (isRunning ? [id] : []))
  useChanges({ runs: growing }, async () => {
    if (Date.now() - keys.dataUpdatedAt > KEYS_MS) void keys.refetch()
    await refreshSeries(growing)
  })
  const shown = useMemo(
    () => (keys.data?.keys ?? []).filter((key) => test?.test(key) ?? true),
    [keys.data, test],
  )
  const sections = useMemo(
    () =>
      sectionsOf(layout, shown).map((section) => ({
        ...section,
        panels: section.panels.filter(({ title }) => test?.test(title) ?? true),
      })),
    [layout, shown, test],
  )

  useEffect(() => bus.subscribe((cursor) => pointed?.set(cursor?.run ?? null)), [bus, pointed])
  useEffect(
    () =>
      pointed?.subscribe(() => {
        const run = pointed.get()
        if (run === (bus.cursor?.run ?? null)) return
        bus.move(run === null ? null : { axis: "", x: 0, run, source: "table" })
      }),
    [bus, pointed],
  )

  useShortcuts([
    { keys: "ctrl+z", label: "Undo", group: "Panels", run: () => step("undo") },
    { keys: "ctrl+shift+z", label: "Redo", group: "Panels", run: () => step("redo") },
    { keys: "Escape", label: "Leave full screen", group: "Panels", run: () => setFull(null) },
  ])

  const flat = sections.flatMap(({ panels }) => panels)
  const stepFull = (by: number) => {
    const at = flat.findIndex(({ id }) => id === full)
    const next = flat[(at + by + flat.length) % flat.length]
    if (next) setFull(next.id)
  }
  const setView = (panel: Panel, section: Section, view: View) => {
    const ids = isLinked ? section.panels.map(({ id }) => id) : [panel.id]
    const next = ids.map((id) => [id, id === panel.id ? view : { x: view.x, y: null }])
    setViews({ ...views, ...(Object.fromEntries(next) as Record<string, View>) })
  }

  const actionsOf = (panel: Panel): MenuEntry[] => [
    { label: "Edit", icon: "edit", onSelect: () => setEdited(panel) },
    { label: "Duplicate", icon: "copy", onSelect: () => change(duplicated(layout, panel)) },
    { label: "Remove", icon: "trash", onSelect: () => change(removed(layout, panel)) },
  ]

  const draw = (panel: Panel, section: Section, grip: ReactNode) => {
    const shared = {
      panel,
      scope,
      settings: settingsOf(layout, panel),
      bus,
      base,
      grip,
      actions: actionsOf(panel),
      isFull: full === panel.id,
      onFull: (isFull: boolean) => setFull(isFull ? panel.id : null),
      onStep: (by: number) => full === panel.id && stepFull(by),
      onSettings: (settings: Partial<PanelSettings>) =>
        change(changed(layout, panel, { settings: { ...panel.settings, ...settings } })),
      onEdit: () => setEdited(panel),
    }
    if (panel.kind === "line") {
      return (
        <LinePanel
          {...shared}
          view={views[panel.id] ?? WHOLE}
          onView={(view) => setView(panel, section, view)}
        />
      )
    }
    if (panel.kind === "histogram") return <RidgePanel {...shared} />
    return <ColumnPanel {...shared} onFilter={props.onFilter} onSelect={props.onSelect} />
  }

  const total = match?.total ?? runs.length
  const isPart = runs.length + (hidden?.length ?? 0) < total
  return (
    <div className={styles.area} data-panels="">
      <PanelToolbar
        pattern={pattern}
        error={test === null ? "This is no regular expression." : null}
        onPattern={setPattern}
        shared={settingsOf(layout, { settings: {} } as Panel)}
        onShared={(settings) => change({ ...layout, shared: { ...layout.shared, ...settings } })}
        metrics={keys.data?.keys ?? []}
        isLinked={isLinked}
        onLinked={setLinked}
        canUndo={history.past.length > 0}
        canRedo={history.future.length > 0}
        onStep={step}
        onAdd={() => setEdited("new")}
        onReset={() => change(EMPTY_LAYOUT)}
      />
      {isPart && (
        <NoticeBar tone="info">
          {count(Math.min(runs.length, MOST_RUNS))} of {count(total)} runs are drawn as lines, the
          first of the table: sort it to draw others, or group the runs of a panel.
          {props.onMore && runs.length < Math.min(MOST_RUNS, total) && (
            <Button size="s" onClick={() => props.onMore?.(MOST_RUNS)}>
              Draw {count(Math.min(MOST_RUNS, total))}
            </Button>
          )}
        </NoticeBar>
      )}
      {keys.isLoadingError && (
        <FailedState error={keys.error} onRetry={() => void keys.refetch()} />
      )}
      {keys.isPending && keys.fetchStatus !== "idle" && <Skeleton lines={6} />}
      {!keys.isPending && flat.length === 0 && (
        <EmptyState
          icon="chart"
          title={
            search ? "No panel matches" : runs.length === 0 ? "No run is shown" : "No metric yet"
          }
          hint={
            search
              ? "Another pattern, or none, shows more."
              : "Metrics that runs log are drawn here by themselves."
          }
        />
      )}
      {sections.map((section, at) => (
        <PanelSection
          key={section.name}
          section={section}
          isOpen={layout.closed.includes(section.name) === at >= OPEN_AT_MOST}
          onToggle={() => change(toggled(layout, section.name))}
        >
          <PanelGrid
            label={titleOf(section)}
            panels={section.panels}
            onMove={(panel, before) => change(moved(layout, section, panel.id, before))}
            onResize={(panel, size) => change(resized(layout, panel, size))}
          >
            {(panel, grip) => (
              <ErrorBoundary what="This chart" resetKey={JSON.stringify(panel)}>
                {draw(panel, section, grip)}
              </ErrorBoundary>
            )}
          </PanelGrid>
        </PanelSection>
      ))}
      {keys.data && !isAll && keys.data.total > MANY_KEYS && search === "" && (
        <p className={styles.more}>
          The {count(keys.data.keys.length)} metrics that most runs have are shown, of{" "}
          {count(keys.data.total)}. Search for others, or{" "}
          <Button size="s" onClick={() => setAll(true)}>
            show all
          </Button>
        </p>
      )}
      {edited && (
        <PanelEditor
          scope={scope}
          panel={edited === "new" ? null : edited}
          settings={settingsOf(layout, edited === "new" ? ({ settings: {} } as Panel) : edited)}
          onClose={() => setEdited(null)}
          onDone={(panel) => {
            change(edited === "new" ? added(layout, panel) : changedAll(layout, edited, panel))
            setEdited(null)
          }}
        />
      )}
    </div>
  )
}

/** A panel that made itself and is now another becomes one of one's own. */
function changedAll(layout: Layout, before: Panel, panel: Omit<Panel, "id">): Layout {
  const isOwn = layout.own.some(({ id }) => id === before.id)
  const isSame =
    panel.kind === before.kind &&
    panel.title === before.title &&
    panel.keys.join() === before.keys.join()
  return isOwn || isSame ? changed(layout, before, panel) : added(removed(layout, before), panel)
}

function PanelSection({
  section,
  isOpen,
  onToggle,
  children,
}: {
  section: Section
  isOpen: boolean
  onToggle: () => void
  children: ReactNode
}) {
  if (section.panels.length === 0) return null
  return (
    <section className={styles.section} aria-label={titleOf(section)}>
      <h2>
        <button type="button" aria-expanded={isOpen} onClick={onToggle}>
          <Icon name={isOpen ? "chevronDown" : "chevronRight"} size={14} />
          {titleOf(section)}
          <small>{plural(section.panels.length, "panel")}</small>
        </button>
      </h2>
      {isOpen && children}
    </section>
  )
}

function titleOf({ name }: Section): string {
  if (name === OWN) return "Own panels"
  return name === "" ? "Metrics" : name
}

/** The same object as long as it says the same, so that nothing is drawn anew. */
function useSame<T>(value: T): T {
  const text = JSON.stringify(value)
  return useMemo(() => JSON.parse(text) as T, [text])
}

/** The pattern as an expression; undefined for none, null when it is wrong. */
function regularOf(pattern: string): RegExp | null | undefined {
  if (pattern === "") return undefined
  try {
    return new RegExp(pattern, "i")
  } catch {
    return null
  }
}

/** Fifty steps back, and forth again, of what this page did to the layout. */
function useHistory(layout: Layout, save: (layout: Layout) => void) {
  const [history, setHistory] = useState<History<Layout>>(() => began(layout))
  const kept = useRef(save)
  useEffect(() => {
    kept.current = save
  })
  // A layout that came from elsewhere, such as a view, begins anew.
  const isForeign =
    history.present !== layout && JSON.stringify(history.present) !== JSON.stringify(layout)
  const current = isForeign ? began(layout) : history
  const keep = (next: History<Layout>) => {
    setHistory(next)
    if (next.present !== current.present) kept.current(next.present)
  }
  return {
    history: current,
    change: (next: Layout) => keep(did(current, next)),
    step: (way: "undo" | "redo") => keep(way === "undo" ? undone(current) : redone(current)),
  }
}
