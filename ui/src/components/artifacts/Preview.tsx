import { queryOptions, useQuery } from "@tanstack/react-query"
import { useMemo, useState } from "react"
import type { FileInfo } from "../../api/generated"
import { bytes } from "../../lib/format"
import { Button, buttonClass } from "../../ui/Button"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { HEX_BYTES, kindOf, LARGE, STREAMS, type Kind } from "./kinds"
import { drawingOf } from "./drawing"
import { readMap } from "./geojson"
import {
  ConfigView,
  DrawingView,
  FrameView,
  HeaderView,
  ImageView,
  JsonView,
  MapView,
  MarkdownView,
  ModelView,
  NotebookView,
  PdfView,
  TableView,
  TextView,
} from "./parts"
import styles from "./Preview.module.css"
import { fileQuery, fileUrl, type Source } from "./source"
import { VideoView } from "./VideoView"

export interface PreviewProps {
  source: Source
  file: FileInfo
  siblings?: readonly FileInfo[]
  onPath?: (path: string) => void
}

/** A look at one file. Of a large one nothing is fetched until somebody asks for it. */
export function Preview(props: PreviewProps) {
  const { source, file } = props
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
        <a className={buttonClass} href={fileUrl(source, file.path)} download>
          Download
        </a>
      </EmptyState>
    )
  }
  return <Shown kind={kind} {...props} />
}

function Shown({ kind, ...props }: PreviewProps & { kind: Kind }) {
  const { source, file } = props
  const url = fileUrl(source, file.path)
  switch (kind) {
    case "image":
      return <ImageView {...props} url={url} />
    case "video":
      return (
        <div className={styles.media}>
          <VideoView url={url} title={file.path} />
        </div>
      )
    case "audio":
      return (
        <div className={styles.media}>
          <audio controls src={url} aria-label={file.path} />
        </div>
      )
    case "table":
      return <TableView {...props} />
    case "header":
      return <HeaderView {...props} />
    case "packed":
      return <Packed {...props} />
    case "other":
      return <Hex {...props} />
    default:
      return <Loaded kind={kind} {...props} />
  }
}

function Loaded({ kind, ...props }: PreviewProps & { kind: Kind }) {
  const { source, file } = props
  const found = useQuery(fileQuery(source, file.path))
  const text = useMemo(() => (found.data ? new TextDecoder().decode(found.data) : ""), [found.data])
  if (found.isPending) return <Skeleton label="Loading the file" />
  if (found.isLoadingError)
    return <FailedState error={found.error} onRetry={() => void found.refetch()} />
  switch (kind) {
    case "json":
      return <Document {...props} text={text} />
    case "config":
      return <ConfigView text={text} path={file.path} />
    case "markdown":
      return <MarkdownView text={text} source={source} path={file.path} />
    case "html":
      return <FrameView text={text} title={file.path} />
    case "notebook":
      return <NotebookView text={text} source={source} path={file.path} />
    case "model":
      return <ModelView {...props} text={text} />
    case "pdf":
      return <PdfView body={found.data} href={fileUrl(source, file.path)} title={file.path} />
    default:
      return <TextView text={text} />
  }
}

/** JSON that is more than a tree: a table, a figure, a map. */
function Document({ text, ...props }: PreviewProps & { text: string }) {
  const { file } = props
  const value = useMemo(() => parsed(text), [text])
  if (isTable(value)) return <TableView {...props} />
  const drawing = drawingOf(value)
  if (drawing) return <DrawingView drawing={drawing} text={text} title={file.path} />
  const map = file.path.endsWith(".geojson") || isShapes(value) ? readMap(value) : null
  if (map) return <MapView map={map} text={text} title={file.path} />
  return <JsonView text={text} isLines={file.path.endsWith(".jsonl")} />
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return null
  }
}

const isShapes = (value: unknown) =>
  typeof value === "object" &&
  value !== null &&
  /^Feature(Collection)?$/.test(String((value as { type?: unknown }).type))

/** What `log_table` writes. */
function isTable(value: unknown): boolean {
  const held = value as { columns?: unknown; data?: unknown } | null
  return Array.isArray(held?.columns) && Array.isArray(held.data) && held.data.every(Array.isArray)
}

const MOST_UNPACKED = 20 * 1024 * 1024

const unpackedQuery = (source: Source, path: string) =>
  queryOptions({
    queryKey: ["artifact-unpacked", source.kind, source.id, path],
    queryFn: async ({ client }): Promise<ArrayBuffer> => {
      const body = await client.fetchQuery(fileQuery(source, path))
      const reader = new Blob([body])
        .stream()
        .pipeThrough(new DecompressionStream("gzip"))
        .getReader()
      const parts: Uint8Array<ArrayBuffer>[] = []
      for (let size = 0; size < MOST_UNPACKED;) {
        const { done, value } = await reader.read()
        if (done) break
        parts.push(value)
        size += value.length
      }
      void reader.cancel().catch(() => undefined)
      return new Blob(parts).arrayBuffer()
    },
    staleTime: Infinity,
    retry: false,
  })

/** What was packed with gzip: text, or the bytes of what is none. */
function Packed({ source, file }: PreviewProps) {
  const found = useQuery(unpackedQuery(source, file.path))
  if (found.isPending) return <Skeleton label="Unpacking the file" />
  if (found.isLoadingError) return <FailedState error={found.error} title="It cannot be unpacked" />
  const body = found.data
  const head = new Uint8Array(body, 0, Math.min(body.byteLength, HEX_BYTES))
  if (head.includes(0)) {
    return <TextView text={hexOf(head)} note={`The first ${bytes(head.length)}, unpacked`} />
  }
  const text = new TextDecoder().decode(body)
  if (body.byteLength < MOST_UNPACKED) return <TextView text={text} />
  return <TextView text={text} note="The beginning, unpacked" />
}

/** The first bytes of what nobody knows how to show. */
function Hex({ source, file }: PreviewProps) {
  const found = useQuery(fileQuery(source, file.path, `bytes=0-${HEX_BYTES - 1}`))
  if (found.isPending) return <Skeleton label="Loading the file" />
  if (found.isLoadingError)
    return <FailedState error={found.error} onRetry={() => void found.refetch()} />
  const head = new Uint8Array(found.data).subarray(0, HEX_BYTES)
  if (!head.includes(0) && isText(head) && (file.file_size ?? 0) <= HEX_BYTES) {
    return <TextView text={new TextDecoder().decode(head)} />
  }
  return <TextView text={hexOf(head)} note={`The first ${bytes(head.length)}`} />
}

function hexOf(head: Uint8Array): string {
  const lines: string[] = []
  for (let at = 0; at < head.length; at += 16) {
    const part = [...head.subarray(at, at + 16)]
    const hex = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ")
    const plain = part
      .map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "·"))
      .join("")
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(47)}  ${plain}`)
  }
  return lines.join("\n")
}

function isText(head: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(head)
    return true
  } catch {
    return false
  }
}
