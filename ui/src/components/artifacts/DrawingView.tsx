import { useQuery } from "@tanstack/react-query"
import { useMemo } from "react"
import { FailedState, Skeleton } from "../../ui/States"
import { drawnPage, libraryQuery, type Drawing } from "./drawing"
import OrDocument from "./OrDocument"
import { Sandbox } from "./SandboxView"

/** A figure of Plotly's or a chart of Vega's, drawn by its library in a frame of its own. */
export default function DrawingView({
  drawing,
  text,
  title,
}: {
  drawing: Drawing
  text: string
  title: string
}) {
  const library = useQuery(libraryQuery(drawing))
  const html = useMemo(
    () => (library.data === undefined ? null : drawnPage(drawing, text, library.data)),
    [drawing, text, library.data],
  )
  return (
    <OrDocument text={text} note={drawing === "plotly" ? "A figure of Plotly" : "A chart of Vega"}>
      {library.isLoadingError ? (
        <FailedState error={library.error} onRetry={() => void library.refetch()} />
      ) : html === null ? (
        <Skeleton label="Loading what draws it" />
      ) : (
        <Sandbox html={html} title={title} />
      )}
    </OrDocument>
  )
}
