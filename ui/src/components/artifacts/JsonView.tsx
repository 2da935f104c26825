import { useMemo } from "react"
import TreeView from "./TreeView"

/** A document as a tree; what is no JSON is text. */
export default function JsonView({ text, isLines }: { text: string; isLines: boolean }) {
  return <TreeView text={text} held={useMemo(() => read(text, isLines), [text, isLines])} />
}

function read(text: string, isLines: boolean): { value: unknown } | null {
  try {
    if (!isLines) return { value: JSON.parse(text) }
    return {
      value: text
        .split("\n")
        .filter((line) => line.trim())
        .map((line) => JSON.parse(line) as unknown),
    }
  } catch {
    return null
  }
}
