import type { ReactNode } from "react"
import styles from "./page.module.css"

/** A page that is read from top to bottom: a heading, what can be done, and what is there. */
export function PageBody({
  title,
  beside,
  actions,
  children,
}: {
  title: string
  beside?: ReactNode
  actions?: ReactNode
  children: ReactNode
}) {
  return (
    <div className={styles.page}>
      <header className={styles.head}>
        <h1>{title}</h1>
        {beside}
        {actions && <div className={styles.actions}>{actions}</div>}
      </header>
      {children}
    </div>
  )
}
