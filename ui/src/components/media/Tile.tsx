import type { KeyedImages } from "../../api/generated"
import { count } from "../../lib/format"
import { stepAt } from "../../lib/steps"
import { fileUrl, type Source } from "../artifacts/source"
import styles from "./media.module.css"
import { useSeen } from "./useSeen"

/** The image of a key at a step, or the nearest before; small, and not fetched before it is in sight. */
export function Tile({
  label,
  images,
  step,
  source,
  onOpen,
}: {
  label: string
  images: KeyedImages
  step: number
  source: Source
  onOpen: () => void
}) {
  const [ref, isSeen] = useSeen()
  const { key, steps = [], paths: files = [], thumbnails = [] } = images
  const at = stepAt(steps, step)
  const path = thumbnails[at] ?? files[at]
  const isOther = steps[at] !== step
  return (
    <li className={styles.tile} ref={ref}>
      <button type="button" onClick={onOpen} aria-label={`${key}, step ${steps[at] ?? 0}: larger`}>
        {isSeen && path !== undefined && <img src={fileUrl(source, path)} alt="" />}
      </button>
      <span title={label}>{label}</span>
      <small data-other={isOther ? "" : undefined}>
        step {count(steps[at] ?? 0)}
        {isOther && " (the nearest before)"}
      </small>
    </li>
  )
}
