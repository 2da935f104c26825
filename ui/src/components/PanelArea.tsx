/** The panels beside a list of runs, on a page of one run, or of a comparison: see `charts/`. */

export interface PanelRun {
  id: string
  name: string
  /** Its series still grow. */
  isRunning?: boolean
}

/** All runs that match; charts of columns draw them, hidden ones left out. */
export interface Match {
  filter?: string | undefined
  text?: string | undefined
  view?: "ACTIVE_ONLY" | "DELETED_ONLY" | "ALL" | undefined
  total: number
}

export interface PanelAreaProps {
  experimentIds: readonly string[]
  runs: readonly PanelRun[]
  match?: Match
  hidden?: readonly string[]
  base?: string | null
  layout?: unknown
  onLayout?: (layout: unknown) => void
  name?: string
  onFilter?: (text: string) => void
  onSelect?: (runs: readonly string[]) => void
}

export function PanelArea(_props: PanelAreaProps) {
  return null
}
