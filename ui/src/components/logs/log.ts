/** Logs of runs: which there are, and their lines by pages. */

import { queryOptions, type QueryClient } from "@tanstack/react-query"
import { call } from "../../api/client"
import type { Asked } from "../../api/client"
import type { FileInfo, LogLine } from "../../api/generated"

export type Level = NonNullable<Asked<"readLog">["level"]>

/** Lines of a page: a few screens, and few enough for one answer of long ones. */
export const PAGE = 500

const FILE = /\.log(\.gz)?$|(^|\/)std(out|err)(\.txt)?$/i
const FOLDER = /^logs?$/i
const PIECES = /\.log$/

export interface Log {
  path: string
  /** Its files are the log, one after the other. */
  isFolder: boolean
  file: FileInfo
}

const isLog = ({ path, is_dir }: FileInfo) => (is_dir ? PIECES : FILE).test(path)

/** The folder of logs among the files of a run. */
export const folderOf = (files: readonly FileInfo[]) =>
  files.find(({ path, is_dir }) => is_dir && FOLDER.test(path))?.path

/** Logs among the files at the top and those in the folder of logs; what the client keeps is first. */
export function logsOf(top: readonly FileInfo[], inside: readonly FileInfo[]): Log[] {
  return [...top.filter(isLog), ...inside.filter((one) => !one.is_dir || PIECES.test(one.path))]
    .map((file) => ({ path: file.path, isFolder: file.is_dir, file }))
    .sort((a, b) => Number(b.isFolder) - Number(a.isFolder))
}

export interface Shown {
  run: string
  path: string
  level: Level | undefined
}

const keyOf = ({ run, path, level }: Shown) => ["log", run, path, level ?? ""] as const

/** How many lines there are now. */
export const sizeQuery = (shown: Shown) =>
  queryOptions({
    queryKey: [...keyOf(shown), "size"],
    queryFn: ({ signal }) => call("readLog", { ...asked(shown), limit: 0 }, { signal }),
  })

/** The lines of a page, of which *most* are there: with more of them it is asked for again. */
export const pageQuery = (shown: Shown, page: number, most: number) =>
  queryOptions({
    queryKey: [...keyOf(shown), "page", page, most],
    queryFn: async ({ signal }): Promise<LogLine[]> => {
      const offset = page * PAGE
      return (
        (await call("readLog", { ...asked(shown), offset, limit: PAGE }, { signal })).rows ?? []
      )
    },
    staleTime: Infinity,
    gcTime: 60_000,
  })

/** The rows of a page that are known, maybe from when it was shorter. */
export function known(client: QueryClient, shown: Shown, page: number): LogLine[] {
  const held = client.getQueriesData<LogLine[]>({ queryKey: [...keyOf(shown), "page", page] })
  return held
    .map(([, rows]) => rows ?? [])
    .reduce((longest, rows) => (rows.length > longest.length ? rows : longest), [])
}

export function find(shown: Shown, text: string, line: number, backward: boolean) {
  return call("searchLog", { ...asked(shown), text, line, backward })
}

const asked = ({ run, path, level }: Shown) => ({ run_id: run, path, level })
