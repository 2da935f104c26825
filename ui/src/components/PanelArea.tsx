import type { Store } from "../lib/store"
import { later } from "../ui/later"
import { Skeleton } from "../ui/States"
import type { Match, PanelRun } from "./panels/scope"

export type { Match, PanelRun } from "./panels/scope"

/**
 * The panels beside a list of runs, on a page of one run, or of a comparison.
 *
 * They fill their place and scroll with the nearest scroller around them; nothing is asked for
 * before it is within one screen of sight. What draws them is loaded when they are first shown.
 */
export interface PanelAreaProps {
  experimentIds: readonly string[]
  /** What lines are drawn of, in the order of the table; hidden ones are left out. */
  runs: readonly PanelRun[]
  /**
   * All runs that match, when they may be more than `runs`: scatters, parallel coordinates and the
   * like draw them all. Absent: `runs` are all there is.
   */
  match?: Match
  /** Runs of `match` that no chart draws. */
  hidden?: readonly string[]
  /** Only metrics whose names begin so, such as `system/`. */
  prefix?: string
  /** The run that others are compared with. */
  base?: string | null
  /**
   * Which panels there are: a document that views keep; what is not known of it is the default.
   * Without `onLayout` this browser remembers it, under `name`.
   */
  layout?: unknown
  onLayout?: (layout: unknown) => void
  /** "experiment:7", "run", "compare": what a remembered layout belongs to. */
  name?: string
  /** The run that the pointer is at, here or in the table. */
  pointed?: Store<string | null>
  /** Brushes of parallel coordinates as a text of the filter language. */
  onFilter?: (text: string) => void
  /** Runs inside a lasso. */
  onSelect?: (runs: readonly string[]) => void
  /** Draw so many runs from now on. */
  onMore?: (runs: number) => void
}

export const PanelArea = later<PanelAreaProps>(
  () => import("./panels/Panels"),
  () => <Skeleton lines={6} label="Loading the charts" />,
)
