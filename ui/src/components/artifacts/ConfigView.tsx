import { useMemo } from "react"
import { readConfig } from "./config"
import TreeView from "./TreeView"

/** A file of settings as a tree. */
export default function ConfigView({ text, path }: { text: string; path: string }) {
  return <TreeView text={text} held={useMemo(() => readConfig(text, path), [text, path])} />
}
