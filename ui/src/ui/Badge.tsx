import type { ReactNode } from "react"
import styles from "./Badge.module.css"

export type Tone = "plain" | "good" | "warn" | "bad" | "info" | "accent"

export function Badge({
  tone = "plain",
  dot = false,
  pulse = false,
  title,
  children,
}: {
  tone?: Tone
  dot?: boolean
  pulse?: boolean
  title?: string | undefined
  children: ReactNode
}) {
  return (
    <span className={styles.badge} data-tone={tone} title={title}>
      {dot && <i className={styles.dot} data-pulse={pulse ? "" : undefined} />}
      <span>{children}</span>
    </span>
  )
}
