import { useId, useRef, type ReactNode } from "react"
import styles from "./Card.module.css"
import { useScrolls } from "./useScrolls"

/** A region of a page with a heading. */
export function Card({
  title,
  note,
  tools,
  isPadded = false,
  children,
}: {
  title: string
  note?: ReactNode
  tools?: ReactNode
  isPadded?: boolean
  children: ReactNode
}) {
  const id = useId()
  const body = useRef<HTMLDivElement>(null)
  const scrolls = useScrolls(body)
  return (
    <section className={styles.card} aria-labelledby={id}>
      <header className={styles.head}>
        <h2 id={id}>{title}</h2>
        {note && <small>{note}</small>}
        {tools && <div className={styles.tools}>{tools}</div>}
      </header>
      <div
        ref={body}
        className={styles.body}
        data-padded={isPadded ? "" : undefined}
        {...(scrolls ? { tabIndex: 0, role: "group", "aria-labelledby": id } : {})}
      >
        {children}
      </div>
    </section>
  )
}
