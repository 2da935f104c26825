import { useMemo, useState, type ReactNode } from "react"
import type { KeyedImages } from "../../api/generated"
import { count } from "../../lib/format"
import { stepAt } from "../../lib/steps"
import { IconButton } from "../../ui/Button"
import styles from "./media.module.css"

export interface Steps {
  all: readonly number[]
  /** The place of `step` among them. */
  place: number
  step: number
  /** Goes on by so many steps, and says where that leads; null: nowhere. */
  move: (by: number) => number | null
  drag: (place: number) => void
  drop: () => void
}

/** Steps of *images*; where they stand is *asked*, null for the last one, whichever that will be. */
export function useSteps(
  images: readonly KeyedImages[],
  asked: number | null,
  onChoose: (step: number | null) => void,
): Steps {
  const [dragged, setDragged] = useState<number | null>(null)
  const all = useMemo(
    () => [...new Set(images.flatMap((one) => one.steps ?? []))].sort((a, b) => a - b),
    [images],
  )
  const last = all.at(-1) ?? 0
  const wanted = asked !== null && Number.isFinite(asked) ? asked : last
  const place = dragged ?? stepAt(all, wanted)
  const choose = (next: number) => {
    const to = all[Math.max(0, Math.min(all.length - 1, next))]
    if (to !== undefined) onChoose(to === last ? null : to)
    setDragged(null)
    return to ?? null
  }
  return {
    all,
    place,
    step: all[place] ?? last,
    move: (by) => choose(place + by),
    drag: setDragged,
    drop: () => dragged !== null && choose(dragged),
  }
}

/** One slider for all images, and what is beside it. */
export function StepBar({ of, note, children }: { of: Steps; note: string; children?: ReactNode }) {
  const { all, place, step, move, drag, drop } = of
  return (
    <div className={styles.bar}>
      <label className={styles.slider}>
        <span>Step</span>
        <input
          type="range"
          aria-label="Step"
          min={0}
          max={all.length - 1}
          value={place}
          aria-valuetext={`step ${step}`}
          disabled={all.length < 2}
          onChange={(event) => drag(Number(event.target.value))}
          onPointerUp={drop}
          onKeyUp={drop}
          onBlur={drop}
        />
        <output data-testid="step">{count(step)}</output>
      </label>
      <IconButton icon="chevronLeft" size="s" label="Step before" onClick={() => move(-1)} />
      <IconButton icon="chevronRight" size="s" label="Next step" onClick={() => move(1)} />
      <span className={styles.faint}>{note}</span>
      {children}
    </div>
  )
}
