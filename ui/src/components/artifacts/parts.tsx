/** What shows files: each is loaded when it is first wanted. */

import { useQueryClient } from "@tanstack/react-query"
import { useEffect } from "react"
import { later } from "../../ui/later"
import { kindOf } from "./kinds"
import { filesQuery, FIRST_ROWS, tableQuery, type Source } from "./source"

export const ArtifactBrowser = later(async () => import("./ArtifactBrowser"))
export const ImageView = later(async () => import("./ImageView"))
export const TextView = later(async () => import("./TextView"))
export const TableView = later(async () => import("./TableView"))
export const JsonView = later(async () => import("./JsonView"))
export const ConfigView = later(async () => import("./ConfigView"))
export const MarkdownView = later(async () => import("./MarkdownView"))
export const FrameView = later(async () => import("./FrameView"))
export const DrawingView = later(async () => import("./DrawingView"))
export const HeaderView = later(async () => import("./HeaderView"))
export const MapView = later(async () => import("./MapView"))
export const ModelView = later(async () => import("./ModelView"))
export const NotebookView = later(async () => import("./NotebookView"))
export const PdfView = later(async () => import("./PdfView"))

/**
 * Fetches what a look at the file at *path* will want, all at once and not one after the other, while
 * the page around it is still on its way; null: nothing.
 */
export function useFilesAhead(source: Source, path: string | null): void {
  const { kind, id } = source
  const client = useQueryClient()
  useEffect(() => {
    if (path === null) return
    const folder = path.slice(0, Math.max(0, path.lastIndexOf("/")))
    // What cannot be had is told by what is shown.
    void ArtifactBrowser.load().catch(() => undefined)
    for (const one of new Set(["", folder]))
      void client.prefetchQuery(filesQuery({ kind, id }, one))
    if (kindOf(path) === "table") {
      void TableView.load().catch(() => undefined)
      void client.prefetchQuery(tableQuery({ kind, id }, path, FIRST_ROWS))
    }
  }, [client, kind, id, path])
}
