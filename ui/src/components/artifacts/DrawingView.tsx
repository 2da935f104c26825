import { useQuery } from "@tanstack/react-query"
import { useMemo, useState } from "react"
import { Button } from "../../ui/Button"
import { FailedState, Skeleton } from "../../ui/States"
import { drawnPage, libraryQuery, type Drawing } from "./drawing"
import JsonView from "./JsonView"
import { Notes, Sandbox } from "./SandboxView"

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
  const [isDocument, setDocument] = useState(false)
  const library = useQuery(libraryQuery(drawing))
  const html = useMemo(
    () => (library.data === undefined ? null : drawnPage(drawing, text, library.data)),
    [drawing, text, library.data],
  )
  return (
    <>
      <Notes>
        <Button
          size="s"
          variant="quiet"
          aria-pressed={isDocument}
          onClick={() => setDocument(!isDocument)}
        >
          Document
        </Button>
        <span>{drawing === "plotly" ? "A figure of Plotly" : "A chart of Vega"}</span>
      </Notes>
      {isDocument ? (
        <JsonView text={text} isLines={false} />
      ) : library.isError ? (
        <FailedState error={library.error} onRetry={() => void library.refetch()} />
      ) : html === null ? (
        <Skeleton label="Loading what draws it" />
      ) : (
        <Sandbox html={html} title={title} />
      )}
    </>
  )
}
