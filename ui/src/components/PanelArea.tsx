/** The panels beside a list of runs. What draws them fills this place: see `charts/`. */
export interface PanelAreaProps {
  /** In the order of the table; those that are hidden are left out. */
  runIds: readonly string[]
  experimentIds: readonly string[]
  /** The run that others are compared with. */
  base?: string | null
}

export function PanelArea(_props: PanelAreaProps) {
  return null
}
