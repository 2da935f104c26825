import { useMemo } from "react"
import { EmptyState } from "../../ui/States"
import MarkdownView from "./MarkdownView"
import styles from "./Preview.module.css"
import type { Source } from "./source"

type Text = string | string[]

interface Output {
  output_type: string
  text?: Text
  data?: Record<string, unknown>
  ename?: string
  evalue?: string
}

interface Cell {
  cell_type: string
  source?: Text
  execution_count?: number | null
  outputs?: Output[]
}

/** A notebook to be read: nothing of it runs, and its pages are shown as text. */
export default function NotebookView({
  text,
  source,
  path,
}: {
  text: string
  source: Source
  path: string
}) {
  const cells = useMemo(() => read(text), [text])
  if (cells === null) return <EmptyState icon="file" title="This is no notebook of version 4" />
  return (
    <div
      className={`${styles.scroll} ${styles.notebook}`}
      tabIndex={0}
      role="region"
      aria-label="Notebook"
    >
      {cells.map((cell, at) =>
        cell.cell_type === "markdown" ? (
          <MarkdownView key={at} text={joined(cell.source)} source={source} path={path} isPart />
        ) : (
          <section key={at} className={styles.cell}>
            <span>[{cell.execution_count ?? " "}]</span>
            <pre>{joined(cell.source)}</pre>
            {(cell.outputs ?? []).map((output, place) => (
              <Shown key={place} output={output} />
            ))}
          </section>
        ),
      )}
    </div>
  )
}

function Shown({ output }: { output: Output }) {
  if (output.output_type === "error") {
    return (
      <pre data-kind="error">
        {output.ename}: {output.evalue}
      </pre>
    )
  }
  const data = output.data ?? {}
  for (const kind of ["image/png", "image/jpeg", "image/gif", "image/webp"]) {
    if (kind in data) {
      const body = joined(data[kind] as Text).replaceAll(/\s/g, "")
      return <img src={`data:${kind};base64,${body}`} alt="What the cell has drawn" />
    }
  }
  const text = output.text ?? (data["text/plain"] as Text | undefined)
  return text === undefined ? null : <pre data-kind="output">{plain(joined(text))}</pre>
}

const joined = (text: Text = "") => (Array.isArray(text) ? text.join("") : text)

/** Without the colours of terminals. */
const plain = (text: string) => text.replaceAll(/\x1b\[[0-9;]*m/g, "")

function read(text: string): Cell[] | null {
  try {
    const held = JSON.parse(text) as { cells?: unknown }
    return Array.isArray(held.cells) ? (held.cells as Cell[]) : null
  } catch {
    return null
  }
}
