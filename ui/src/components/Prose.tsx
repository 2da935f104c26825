import { lazy, Suspense } from "react"
import type { Source } from "./artifacts/source"
import styles from "./Prose.module.css"

const MarkdownView = lazy(async () => import("./artifacts/MarkdownView"))

/** A text that somebody has written about something, as Markdown; as it is until that is loaded. */
export function Prose({ text, source = null }: { text: string; source?: Source | null }) {
  return (
    <div className={styles.prose}>
      <Suspense fallback={<p data-state="loading">{text}</p>}>
        <MarkdownView text={text} source={source} path="" isPart />
      </Suspense>
    </div>
  )
}
