import type { ReactNode } from "react"
import { density, type Density } from "../../lib/prefs"
import { useStore } from "../../lib/store"
import { ARRANGEMENTS, type View } from "../../lib/view"
import { Button, IconButton } from "../../ui/Button"
import type { IconName } from "../../ui/Icon"
import { Menu } from "../../ui/Menu"
import { Popover } from "../../ui/Popover"
import { Segments } from "../../ui/Tabs"
import { Toggle } from "../../ui/Toggle"
import { ColumnPicker, GROUP_KINDS } from "./ColumnPicker"
import { columnFacts, parsedSort } from "./columns"
import styles from "./Toolbar.module.css"
import { ViewMenu } from "./ViewMenu"

const ARRANGED: Record<View["arrangement"], { label: string; icon: IconName }> = {
  table: { label: "Table", icon: "table" },
  split: { label: "Split", icon: "split" },
  panels: { label: "Panels", icon: "chart" },
}
const DENSITIES: readonly Density[] = ["compact", "normal", "roomy"]

export function Toolbar({
  experiments,
  named,
  view,
  change,
  columns,
  onExport,
  children,
}: {
  experiments: readonly string[]
  named: string | null
  view: View
  change: (patch: Partial<View>) => void
  columns: readonly string[]
  onExport: (format: "csv" | "parquet") => void
  children: ReactNode
}) {
  const dense = useStore(density)
  return (
    <div className={styles.tools} role="toolbar" aria-label="Table">
      {children}
      <Popover
        label="Columns"
        trigger={
          <Button variant="quiet" size="s" icon="columns">
            Columns
          </Button>
        }
      >
        <ColumnPicker
          experiments={experiments}
          columns={columns}
          onChange={(next) => change({ columns: next })}
        />
      </Popover>
      <Popover
        label="Group"
        trigger={
          <Button variant="quiet" size="s" icon="group" aria-pressed={view.group.length > 0}>
            {view.group.length === 0
              ? "Group"
              : `By ${view.group.map((id) => columnFacts(id).label).join(", ")}`}
          </Button>
        }
      >
        <ColumnPicker
          experiments={experiments}
          columns={view.group}
          kinds={GROUP_KINDS}
          onChange={(group) => change({ group: group.slice(-4) })}
        />
      </Popover>
      <Menu
        trigger={
          <Button variant="quiet" size="s" icon="sort" aria-pressed={view.sort.length > 0}>
            {view.sort.length === 0
              ? "Sort"
              : `Sorted by ${view.sort.map((one) => columnFacts(parsedSort(one).column).label).join(", ")}`}
          </Button>
        }
        list={[
          {
            label: "Newest first",
            checked: view.sort.length === 0,
            onSelect: () => change({ sort: [] }),
          },
          ...["attributes.run_name", ...columns]
            .filter((id) => id !== "datasets" && id !== "models")
            .map((id) => {
              const held = view.sort.find((one) => parsedSort(one).column === id)
              const isDescending = held !== undefined && parsedSort(held).isDescending
              return {
                label: `${columnFacts(id).label}${held ? (isDescending ? ", descending" : ", ascending") : ""}`,
                checked: held !== undefined,
                onSelect: () =>
                  change({ sort: [`${id} ${held && !isDescending ? "DESC" : "ASC"}`] }),
              }
            }),
        ]}
      />
      <Toggle on={view.differing} onChange={(differing) => change({ differing })}>
        Differing only
      </Toggle>
      <Toggle on={view.withValues} onChange={(withValues) => change({ withValues })}>
        With values
      </Toggle>
      <ViewMenu experiment={experiments[0] ?? "0"} named={named} view={view} change={change} />
      <div className={styles.end}>
        <Segments
          label="Arrangement"
          value={view.arrangement}
          choices={ARRANGEMENTS.map((key) => ({ key, ...ARRANGED[key] }))}
          onChange={(arrangement) => change({ arrangement })}
        />
        <Menu
          align="end"
          trigger={<IconButton icon="more" label="More" size="s" />}
          list={[
            { label: "Export as CSV", icon: "download", onSelect: () => onExport("csv") },
            { label: "Export as Parquet", icon: "download", onSelect: () => onExport("parquet") },
            "line",
            {
              label: "Children below parents",
              checked: view.isTree,
              onSelect: () => change({ isTree: !view.isTree }),
            },
            {
              label: "Deleted runs",
              checked: view.lifecycle === "deleted",
              onSelect: () =>
                change({ lifecycle: view.lifecycle === "deleted" ? "active" : "deleted" }),
            },
            {
              label: "Show all in charts",
              icon: "eye",
              disabledBecause: view.hidden.length === 0 && "None is hidden.",
              onSelect: () => change({ hidden: [] }),
            },
            { heading: "Rows" },
            ...DENSITIES.map((one) => ({
              label: one,
              checked: dense === one,
              onSelect: () => density.set(one),
            })),
          ]}
        />
      </div>
    </div>
  )
}
