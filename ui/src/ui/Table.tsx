import type { ReactNode } from "react"
import styles from "./Table.module.css"

/** A plain table for tens of rows; `components/grid` is for thousands. */
export function Table({
  caption,
  head,
  children,
}: {
  caption: string
  /** Those of numbers begin with ">". */
  head: readonly string[]
  children: ReactNode
}) {
  return (
    <table className={styles.table}>
      <caption className="visually-hidden">{caption}</caption>
      <thead>
        <tr>
          {head.map((cell, at) => (
            <th key={at} scope="col" data-align={cell.startsWith(">") ? "end" : undefined}>
              {cell.replace(/^>/, "")}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{children}</tbody>
    </table>
  )
}
