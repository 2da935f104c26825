import { queryOptions, useQuery } from "@tanstack/react-query"
import { lazy, Suspense, useState } from "react"
import { ask, urlOf } from "../../api/client"
import type { FileInfo } from "../../api/generated"
import { bytes } from "../../lib/format"
import { Button, buttonClass } from "../../ui/Button"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { HEX_BYTES, kindOf, LARGE, STREAMS, type Kind } from "./kinds"
import styles from "./Preview.module.css"

const ImageView = lazy(async () => import("./ImageView"))
const TextView = lazy(async () => import("./TextView"))
const TableView = lazy(async () => import("./TableView"))
const JsonView = lazy(async () => import("./JsonView"))
const MarkdownView = lazy(async () => import("./MarkdownView"))
const FrameView = lazy(async () => import("./FrameView"))

export const fileQuery = (run: string, path: string, range?: string) =>
  queryOptions({
    queryKey: ["artifact", run, path, range],
    queryFn: async ({ signal }) => {
      const init = range ? { headers: { range } } : {}
      return (await ask(urlOf("getArtifact", { run_id: run, path }), init, signal)).arrayBuffer()
    },
    staleTime: Infinity,
  })

export interface PreviewProps {
  run: string
  file: FileInfo
  siblings?: readonly FileInfo[]
  onPath?: (path: string) => void
}

/** A look at one file. Of a large one nothing is fetched until somebody asks for it. */
export function Preview(props: PreviewProps) {
  const { run, file } = props
  const size = file.file_size ?? 0
  const kind = kindOf(file.path)
  const [isWanted, setWanted] = useState(false)
  if (size === 0) return <EmptyState icon="file" title="This file is empty" />
  if (size > LARGE && !STREAMS.has(kind) && !isWanted) {
    return (
      <EmptyState
        icon="file"
        title={`${bytes(size)} are a lot to look at`}
        hint="Nothing of it was fetched."
      >
        <Button onClick={() => setWanted(true)}>
          {kind === "other" ? `Show the first ${bytes(HEX_BYTES)}` : "Load it here"}
        </Button>
        <a
          className={buttonClass}
          href={urlOf("getArtifact", { run_id: run, path: file.path })}
          download
        >
          Download
        </a>
      </EmptyState>
    )
  }
  return (
    <Suspense fallback={<Skeleton />}>
      <Shown kind={kind} {...props} />
    </Suspense>
  )
}

function Shown({ kind, ...props }: PreviewProps & { kind: Kind }) {
  const { run, file } = props
  const url = urlOf("getArtifact", { run_id: run, path: file.path })
  switch (kind) {
    case "image":
      return <ImageView {...props} url={url} />
    case "video":
    case "audio":
      return (
        <div className={styles.media}>
          {kind === "video" ? <video controls src={url} /> : <audio controls src={url} />}
        </div>
      )
    case "other":
      return <Hex run={run} file={file} />
    case "pdf":
      return (
        <EmptyState icon="file" title="PDFs are shown by your own viewer">
          <a className={buttonClass} href={url} download>
            Download
          </a>
        </EmptyState>
      )
    default:
      return <Loaded kind={kind} {...props} />
  }
}

function Loaded({ kind, run, file }: PreviewProps & { kind: Kind }) {
  const found = useQuery(fileQuery(run, file.path))
  if (found.isPending) return <Skeleton label="Loading the file" />
  if (found.isError) return <FailedState error={found.error} onRetry={() => void found.refetch()} />
  const text = new TextDecoder().decode(found.data)
  switch (kind) {
    case "table":
      return <TableView text={text} separator={file.path.endsWith(".tsv") ? "\t" : ","} />
    case "json":
      return <JsonView text={text} isLines={file.path.endsWith(".jsonl")} />
    case "markdown":
      return <MarkdownView text={text} run={run} path={file.path} />
    case "html":
      return <FrameView text={text} title={file.path} />
    default:
      return <TextView text={text} />
  }
}

/** The first bytes of what nobody knows how to show. */
function Hex({ run, file }: { run: string; file: FileInfo }) {
  const found = useQuery(fileQuery(run, file.path, `bytes=0-${HEX_BYTES - 1}`))
  if (found.isPending) return <Skeleton label="Loading the file" />
  if (found.isError) return <FailedState error={found.error} onRetry={() => void found.refetch()} />
  const head = new Uint8Array(found.data).subarray(0, HEX_BYTES)
  if (!head.includes(0) && isText(head) && (file.file_size ?? 0) <= HEX_BYTES) {
    return <TextView text={new TextDecoder().decode(head)} />
  }
  const lines: string[] = []
  for (let at = 0; at < head.length; at += 16) {
    const part = [...head.subarray(at, at + 16)]
    const hex = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ")
    const plain = part
      .map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·"))
      .join("")
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${plain}`)
  }
  return <TextView text={lines.join("\n")} note={`The first ${bytes(head.length)}`} />
}

function isText(head: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(head)
    return true
  } catch {
    return false
  }
}
