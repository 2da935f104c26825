import styles from "./Canvas.module.css"

/** What is under the pointer: its name, then lines about it. */
export function Tip({
  left,
  top,
  isOnLeft,
  lines,
}: {
  left: number
  top: number
  isOnLeft: boolean
  lines: readonly string[]
}) {
  const transform = isOnLeft ? "translate(calc(-100% - 12px), -50%)" : "translate(12px, -50%)"
  return (
    <div className={styles.tip} style={{ left, top, transform }} aria-hidden="true" data-readout="">
      {lines.map((text, at) => (
        <div key={at}>{text}</div>
      ))}
    </div>
  )
}
