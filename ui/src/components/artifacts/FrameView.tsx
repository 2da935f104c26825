import { useEffect, useRef } from "react"
import { page } from "../../lib/page"
import { NoticeBar } from "../../ui/States"
import styles from "./Preview.module.css"

/**
 * A page that somebody logged, in a frame without an origin: it sees neither this page, nor cookies,
 * nor the server, and its own policy lets it ask nobody. It is told what to show, and says nothing
 * but that it is there.
 */
export default function FrameView({ text, title }: { text: string; title: string }) {
  const frame = useRef<HTMLIFrameElement>(null)
  useEffect(() => {
    const onMessage = (event: MessageEvent) => {
      const there = frame.current?.contentWindow
      if (there && event.source === there && event.data === "ready") there.postMessage(text, "*")
    }
    addEventListener("message", onMessage)
    return () => removeEventListener("message", onMessage)
  }, [text])
  return (
    <>
      <NoticeBar tone="info">
        This page runs apart: it reaches neither this one nor any server.
      </NoticeBar>
      <iframe
        ref={frame}
        className={styles.frame}
        sandbox="allow-scripts"
        src={`${page.base}/frame`}
        title={title}
      />
    </>
  )
}
