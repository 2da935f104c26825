import { later } from "../ui/later"
import type { Source } from "./artifacts/source"
import styles from "./Prose.module.css"

const MarkdownView = later(
  async () => import("./artifacts/MarkdownView"),
  ({ text }) => <p data-state="loading">{text}</p>,
)

/** A text that somebody has written about something, as Markdown; as it is until that is loaded. */
export function Prose({ text, source = null }: { text: string; source?: Source | null }) {
  return (
    <div className={styles.prose}>
      <MarkdownView text={text} source={source} path="" isPart />
    </div>
  )
}
