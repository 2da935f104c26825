import type { ReactNode } from "react"
import styles from "./Table.module.css"

/** A plain table for tens of rows; `components/grid` is for thousands. */
export function Table({
  caption,
  head,
  children,
}: {
  caption: string
  head: readonly ReactNode[]
  children: ReactNode
}) {
  return (
    <table className={styles.table}>
      <caption className="visually-hidden">{caption}</caption>
      <thead>
        <tr>
          {head.map((cell, at) => (
            <th key={at} scope="col">
              {cell}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  )
}
