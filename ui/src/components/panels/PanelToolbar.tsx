import { X_KINDS } from "../../charts/axes"
import type { PanelSettings } from "../../charts/layout"
import { Button, IconButton } from "../../ui/Button"
import { Checkbox, SearchField, Select } from "../../ui/Field"
import { Popover } from "../../ui/Popover"
import styles from "./Panels.module.css"
import { SmoothingControl } from "./Smoothing"

/** What holds for all panels, and which of them are shown. */
export function PanelToolbar({
  pattern,
  error,
  onPattern,
  shared,
  onShared,
  metrics,
  isLinked,
  onLinked,
  canUndo,
  canRedo,
  onStep,
  onAdd,
  onReset,
}: {
  pattern: string
  error: string | null
  onPattern: (pattern: string) => void
  shared: PanelSettings
  onShared: (change: Partial<PanelSettings>) => void
  metrics: readonly string[]
  isLinked: boolean
  onLinked: (linked: boolean) => void
  canUndo: boolean
  canRedo: boolean
  onStep: (way: "undo" | "redo") => void
  onAdd: () => void
  onReset: () => void
}) {
  return (
    <div className={styles.toolbar} role="toolbar" aria-label="Panels">
      <div className={styles.find}>
        <SearchField
          label="Find panels (regular expression)"
          value={pattern}
          onChange={onPattern}
          aria-invalid={error !== null}
        />
      </div>
      {error && (
        <span role="alert" className={styles.wrong}>
          {error}
        </span>
      )}
      <Popover
        label="How lines are drawn"
        trigger={
          <Button size="s" icon="chart">
            {X_KINDS.find(([kind]) => kind === shared.x)?.[1]}
            {shared.smoothing.kind !== "none" && ", smoothed"}
          </Button>
        }
      >
        <div className={styles.form}>
          <Select
            label="Horizontal axis"
            value={shared.x}
            choices={X_KINDS}
            onChange={(x) => onShared({ x, xMetric: shared.xMetric || (metrics[0] ?? "") })}
          />
          {shared.x === "metric" && (
            <Select
              label="Metric"
              value={shared.xMetric}
              choices={metrics.map((key) => [key, key] as const)}
              onChange={(xMetric) => onShared({ xMetric })}
            />
          )}
          <SmoothingControl
            value={shared.smoothing}
            onChange={(smoothing) => onShared({ smoothing })}
          />
          <Checkbox label="Log x" checked={shared.logX} onChange={(logX) => onShared({ logX })} />
          <Checkbox label="Log y" checked={shared.logY} onChange={(logY) => onShared({ logY })} />
          <Checkbox
            label="Leave outliers out of the scale"
            checked={shared.outliers > 0}
            onChange={(out) => onShared({ outliers: out ? 0.02 : 0 })}
          />
          <Checkbox label="Zoom all panels of a section" checked={isLinked} onChange={onLinked} />
        </div>
      </Popover>
      <Button size="s" icon="plus" onClick={onAdd}>
        Panel
      </Button>
      <div className={styles.end}>
        <IconButton
          icon="restore"
          size="s"
          label="Undo"
          keys="ctrl+z"
          disabledBecause={!canUndo && "Nothing to undo"}
          onClick={() => onStep("undo")}
        />
        <IconButton
          icon="refresh"
          size="s"
          label="Redo"
          keys="ctrl+shift+z"
          disabledBecause={!canRedo && "Nothing to redo"}
          onClick={() => onStep("redo")}
        />
        <Button size="s" variant="quiet" onClick={onReset}>
          Reset layout
        </Button>
      </div>
    </div>
  )
}
