import { queryOptions, useQuery, type QueryClient } from "@tanstack/react-query"
import { queryClient } from "../../api/queries"
import { bytes as shown } from "../../lib/format"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { Table } from "../../ui/Table"
import {
  readNpy,
  readSafetensors,
  readTar,
  readZip,
  safetensorsLength,
  type Header,
} from "./headers"
import { readOnnx } from "./onnx"
import type { PreviewProps } from "./Preview"
import styles from "./Preview.module.css"
import { fileQuery, type Source } from "./source"

const HEAD = 4096
const TAIL = 64 * 1024
const MOST_HEADER = 16 * 1024 * 1024
const MOST_TAR = 1024 * 1024
const MOST_ARRAYS = 50
const MOST_ENTRIES = 1000

/** What a file of arrays or of other files says of what is in it; the rest stays where it is. */
export default function HeaderView({ source, file }: PreviewProps) {
  const found = useQuery(headerQuery(source, file.path, file.file_size ?? 0))
  if (found.isPending) return <Skeleton label="Reading the header" />
  if (found.isLoadingError)
    return <FailedState error={found.error} onRetry={() => void found.refetch()} />
  if (found.data === null) {
    return <EmptyState icon="file" title="Its header is not what its name says" />
  }
  const { title, entries, values = [] } = found.data
  return (
    <div className={styles.scroll} tabIndex={0} role="region" aria-label="Header">
      <div className={styles.bar}>{title}</div>
      <Table caption="What is in it" head={["Name", "What"]}>
        {entries.slice(0, MOST_ENTRIES).map(({ name, told }) => (
          <tr key={name}>
            <td data-wrap>{name}</td>
            <td>
              <code>{told}</code>
            </td>
          </tr>
        ))}
      </Table>
      {entries.length > MOST_ENTRIES && (
        <p className={styles.bar}>… and {entries.length - MOST_ENTRIES} more</p>
      )}
      {values.length > 0 && (
        <p className={styles.values} aria-label="The first values">
          {values.join("  ")}
        </p>
      )}
    </div>
  )
}

const headerQuery = (source: Source, path: string, size: number) =>
  queryOptions({
    queryKey: ["artifact-header", source, path, size],
    queryFn: async (): Promise<Header | null> => {
      const part = parts(queryClient, source, path, size)
      switch (path.slice(path.lastIndexOf(".") + 1).toLowerCase()) {
        case "npy":
          return readNpy(await part(0, HEAD))
        case "safetensors": {
          const length = safetensorsLength(await part(0, 8))
          return length > MOST_HEADER ? null : readSafetensors(await part(0, length))
        }
        case "onnx":
          return readOnnx(part, size)
        case "tar": {
          const read = readTar(await part(0, MOST_TAR))
          if (read === null) return null
          const more = read.isCut && size > MOST_TAR ? ", and perhaps more" : ""
          return { title: `${read.entries.length} files${more}`, entries: read.entries }
        }
        default:
          return zipped(part, path, size)
      }
    },
    staleTime: Infinity,
  })

type Part = (from: number, to: number) => Promise<Uint8Array>

function parts(client: QueryClient, source: Source, path: string, size: number): Part {
  return async (from, to) => {
    const range = `bytes=${from}-${Math.min(to, size) - 1}`
    return new Uint8Array(await client.fetchQuery(fileQuery(source, path, range)))
  }
}

async function zipped(part: Part, path: string, size: number): Promise<Header | null> {
  const files = readZip(await part(Math.max(0, size - TAIL), size), size)
  if (files === null) return null
  const isArrays = path.toLowerCase().endsWith(".npz")
  const entries = files.map(({ name, size: one }) => ({ name, told: shown(one) }))
  if (!isArrays) return { title: `${files.length} files`, entries }
  await Promise.all(
    files.slice(0, MOST_ARRAYS).map(async ({ offset, packed, method }, at) => {
      // Name and extra field of the entry's own header may differ from the directory's.
      const head = await part(offset, offset + 30 + HEAD + Math.min(packed, HEAD))
      const view = new DataView(head.buffer, head.byteOffset, head.byteLength)
      const start = 30 + view.getUint16(26, true) + view.getUint16(28, true)
      const body = head.subarray(start, start + packed)
      const read = readNpy(method === 0 ? body : await inflated(body))
      const entry = entries[at]
      if (read && entry) entry.told = read.title
    }),
  )
  return { title: `${files.length} arrays`, entries }
}

/** The beginning of a deflated stream that may be cut. */
async function inflated(body: Uint8Array): Promise<Uint8Array> {
  const reader = new Blob([body.slice()])
    .stream()
    .pipeThrough(new DecompressionStream("deflate-raw"))
    .getReader()
  const { value } = await reader.read()
  void reader.cancel().catch(() => undefined)
  return value ?? new Uint8Array()
}
