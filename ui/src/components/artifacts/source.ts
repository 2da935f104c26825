/** Whose files are shown: a run's, or a logged model's. */

import { queryOptions } from "@tanstack/react-query"
import { ask, call, urlOf, whole } from "../../api/client"
import type {
  ArtifactDetails,
  ArtifactsDeleted,
  ColumnFigures,
  FileInfo,
  FileTable,
} from "../../api/generated"

export interface Source {
  kind: "run" | "model"
  id: string
}

export const ofRun = (id: string): Source => ({ kind: "run", id })
export const ofModel = (id: string): Source => ({ kind: "model", id })

/** The address of a file's bytes. */
export function fileUrl({ kind, id }: Source, path: string): string {
  return kind === "run"
    ? urlOf("getArtifact", { run_id: id, path })
    : urlOf("getLoggedModelArtifact", { model_id: id, artifact_file_path: path })
}

/** The address of a folder as a zip file; with *paths*, only of these files and folders of it. */
export function archiveUrl({ kind, id }: Source, path = "", paths: readonly string[] = []): string {
  const chosen = { path: path || undefined, paths: [...paths] }
  return kind === "run"
    ? urlOf("downloadArchive", { run_id: id, ...chosen })
    : urlOf("downloadLoggedModelArchive", { model_id: id, ...chosen })
}

/** What others call a file by. */
export function uriOf({ kind, id }: Source, path: string): string {
  return kind === "run" ? `runs:/${id}/${path}` : `models:/${id}/${path}`
}

export const filesQuery = ({ kind, id }: Source, path: string) =>
  queryOptions({
    queryKey: ["artifacts", id, path],
    queryFn: async ({ signal }): Promise<FileInfo[]> => {
      const folder = path || undefined
      const listed =
        kind === "run"
          ? await call("listArtifacts", { run_id: id, path: folder }, { signal })
          : await call(
              "listLoggedModelArtifacts",
              { model_id: id, artifact_directory_path: folder },
              { signal },
            )
      return listed.files ?? []
    },
  })

/** What is known of a file without its bytes. */
export const detailsQuery = ({ kind, id }: Source, path: string) =>
  queryOptions({
    queryKey: ["artifact-details", kind, id, path],
    queryFn: ({ signal }): Promise<ArtifactDetails> =>
      kind === "run"
        ? call("getArtifactDetails", { run_id: id, path }, { signal })
        : call(
            "getLoggedModelArtifactDetails",
            { model_id: id, artifact_file_path: path },
            { signal },
          ),
  })

export const REMOVAL = {
  run: "deleteRunArtifacts",
  model: "deleteLoggedModelArtifacts",
} as const

/** Deletes files and folders for good, or says how much that would be. */
export const remove = (
  { kind, id }: Source,
  asked: { paths: string[]; dry_run: boolean },
  signal?: AbortSignal,
): Promise<ArtifactsDeleted> =>
  kind === "run"
    ? call(REMOVAL.run, { run_id: id, ...asked }, { signal })
    : call(REMOVAL.model, { model_id: id, ...asked }, { signal })

/** The bytes of a file, or a range of them such as "bytes=0-99". */
export const fileQuery = (source: Source, path: string, range?: string) =>
  queryOptions({
    queryKey: ["artifact", source.kind, source.id, path, range],
    queryFn: ({ signal }) => {
      const init = range ? { headers: { range } } : {}
      const read = async () => (await ask(fileUrl(source, path), init, signal)).arrayBuffer()
      return whole(read())
    },
    staleTime: Infinity,
  })

/** So many rows of a table are asked for at a time. */
export const PAGE = 200

export interface TableAsked {
  offset?: number
  limit?: number
  sort_by?: string | undefined
  descending?: boolean | undefined
  /** False: how many rows there are need not be known, when that takes a reading of the whole file. */
  count?: boolean
  text?: string | undefined
  /** Conditions such as "score >= 3"; all have to hold. */
  where?: readonly string[] | undefined
}

export const FIRST_ROWS: TableAsked = { offset: 0, limit: PAGE, count: false }

export const tableQuery = (source: Source, path: string, asked: TableAsked) =>
  queryOptions({
    queryKey: ["artifact-table", source.kind, source.id, path, asked],
    queryFn: ({ signal }): Promise<FileTable> =>
      source.kind === "run"
        ? call("readTable", { run_id: source.id, path, ...listed(asked) }, { signal })
        : call("readLoggedModelTable", { model_id: source.id, path, ...listed(asked) }, { signal }),
    staleTime: 60_000,
  })

/** The figures of a column, over the rows that are asked for. */
export const columnQuery = (
  source: Source,
  path: string,
  column: string,
  asked: Pick<TableAsked, "text" | "where">,
) =>
  queryOptions({
    queryKey: ["artifact-column", source.kind, source.id, path, column, asked],
    queryFn: ({ signal }): Promise<ColumnFigures> => {
      const of = { path, column, ...listed(asked) }
      return source.kind === "run"
        ? call("readTableColumn", { run_id: source.id, ...of }, { signal })
        : call("readLoggedModelTableColumn", { model_id: source.id, ...of }, { signal })
    },
    staleTime: 60_000,
  })

const listed = <T extends TableAsked>({ where, ...rest }: T) => ({
  ...rest,
  where: where && [...where],
})
