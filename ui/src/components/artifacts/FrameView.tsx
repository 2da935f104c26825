import { useQuery } from "@tanstack/react-query"
import { FailedState, NoticeBar, Skeleton } from "../../ui/States"
import { libraryQuery, needsPlotly, withPlotly } from "./drawing"
import { Sandbox } from "./SandboxView"

/** A page that somebody logged, apart from ours. */
export default function FrameView({ text, title }: { text: string; title: string }) {
  const isFigure = needsPlotly(text)
  const library = useQuery({ ...libraryQuery("plotly"), enabled: isFigure })
  if (isFigure && library.isLoadingError) {
    return <FailedState error={library.error} onRetry={() => void library.refetch()} />
  }
  if (isFigure && library.data === undefined) return <Skeleton label="Loading what draws it" />
  return (
    <>
      <NoticeBar tone="info">
        This page runs apart: it reaches neither this one nor any server.
      </NoticeBar>
      <Sandbox html={isFigure ? withPlotly(text, library.data ?? "") : text} title={title} />
    </>
  )
}
