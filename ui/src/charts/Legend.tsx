import type { Stroke } from "../lib/colours"
import styles from "./Legend.module.css"
import { Swatch } from "./Swatch"

export interface LegendEntry {
  id: string
  label: string
  stroke: Stroke
}

const SHOWN = 12

/** Which line is whose. Pointing at a name makes its line stand out. */
export function Legend({
  list,
  onPoint,
}: {
  list: readonly LegendEntry[]
  onPoint: (id: string | null) => void
}) {
  const more = list.length - SHOWN
  return (
    <ul className={styles.legend} aria-label="Legend">
      {list.slice(0, SHOWN).map(({ id, label, stroke }) => (
        <li
          key={id}
          title={label}
          onPointerEnter={() => onPoint(id)}
          onPointerLeave={() => onPoint(null)}
        >
          <Swatch stroke={stroke} />
          <span>{label}</span>
        </li>
      ))}
      {more > 0 && <li>+{more}</li>}
    </ul>
  )
}
