import { useQuery } from "@tanstack/react-query"
import { useMemo, useRef, useState } from "react"
import type { CanvasHandle } from "../../charts/Canvas"
import { ChartFrame, type ChartState } from "../../charts/ChartFrame"
import { Ridges } from "../../charts/Ridges"
import { ridgesOf } from "../../charts/ridges"
import { tableOf } from "../../charts/table"
import { plural, value } from "../../lib/format"
import { EmptyState, FailedState } from "../../ui/States"
import type { PanelProps } from "./LinePanel"
import { keyOf, seriesQuery } from "./scope"

const RIDGES = 100
const BINS = 48

/** How the values of a metric spread over all runs, and how that moves with the steps. */
export default function RidgePanel({ panel, scope, ...frame }: PanelProps) {
  const [version, setVersion] = useState(0)
  const [hasHeat, setHeat] = useState(false)
  const [marked, setMarked] = useState(-1)
  const handle = useRef<CanvasHandle>(null)
  const metric = keyOf(panel.keys[0] ?? "")
  const found = useQuery(
    seriesQuery({
      runs: scope.runs.map(({ id }) => id),
      keys: [metric],
      x: "step",
      xMetric: "",
      range: null,
      buckets: RIDGES * 4,
    }),
  )
  const data = useMemo(() => ridgesOf(found.data?.series ?? [], RIDGES, BINS), [found.data])
  const state: ChartState = found.isLoadingError
    ? "error"
    : found.isPending && found.fetchStatus !== "idle"
      ? "loading"
      : data
        ? "ready"
        : "empty"
  const total = data?.ridges.reduce((sum, one) => sum + one.total, 0) ?? 0
  const table = useMemo(() => {
    if (!data) return null
    const size = (data.high - data.low) / BINS
    const rows = data.ridges.flatMap(({ x, counts }) =>
      [...counts].flatMap((count, bin) =>
        count > 0
          ? [[Math.round(x), data.low + size * bin, data.low + size * (bin + 1), count]]
          : [],
      ),
    )
    return tableOf(["step", "from", "to", "values"], rows)
  }, [data])
  const move = (by: number): string | null => {
    if (!data) return null
    const at = Math.max(0, Math.min(data.ridges.length - 1, marked + by))
    setMarked(at)
    const ridge = data.ridges[at]
    if (!ridge) return null
    const most = ridge.counts.indexOf(Math.max(...ridge.counts))
    const size = (data.high - data.low) / BINS
    return `From step ${value(Math.round(ridge.x))}: ${plural(ridge.total, "value")}, most about ${value(data.low + size * (most + 0.5))}`
  }
  return (
    <ChartFrame
      title={panel.title}
      note={data && plural(data.ridges.length, "histogram")}
      state={state}
      isBusy={found.isFetching && found.isPlaceholderData}
      asOf={found.isRefetchError && found.dataUpdatedAt}
      facts={{ series: data?.ridges.length ?? 0, points: total, version }}
      sentence={
        data
          ? `${metric} of ${plural(scope.runs.length, "run")}: ${plural(data.ridges.length, "histogram")}, values from ${value(data.low)} to ${value(data.high)}.`
          : `${metric}: no numbers.`
      }
      table={table}
      absence={
        found.isLoadingError ? (
          <FailedState error={found.error} onRetry={() => void found.refetch()} isInline />
        ) : (
          <EmptyState
            isInline
            title="No data"
            hint="None of the runs that are shown has this metric."
          />
        )
      }
      png={() => handle.current?.png() ?? Promise.reject(new Error("Nothing is drawn."))}
      keys={{ move }}
      actions={[
        { label: "As a heat map", checked: hasHeat, onSelect: () => setHeat(!hasHeat) },
        ...frame.actions,
      ]}
      grip={frame.grip}
      isFull={frame.isFull}
      onFull={frame.onFull}
      onStep={frame.onStep}
    >
      {data && (
        <Ridges
          data={data}
          name={metric}
          hasHeat={hasHeat}
          marked={marked}
          onDrawn={() => setVersion((before) => before + 1)}
          onReady={(made) => {
            handle.current = made
          }}
        />
      )}
    </ChartFrame>
  )
}
