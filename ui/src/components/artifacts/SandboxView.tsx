import { useEffect, useRef, type ReactNode } from "react"
import { page } from "../../lib/page"
import styles from "./Preview.module.css"

/**
 * A page that is none of ours, in a frame without an origin: it sees neither this page, nor cookies,
 * nor the server, and its own policy lets it ask nobody. It is told what to show, and says nothing
 * but that it is there.
 */
export function Sandbox({ html, title }: { html: string; title: string }) {
  const frame = useRef<HTMLIFrameElement>(null)
  useEffect(() => {
    const onMessage = (event: MessageEvent) => {
      const there = frame.current?.contentWindow
      if (there && event.source === there && event.data === "ready") there.postMessage(html, "*")
    }
    addEventListener("message", onMessage)
    return () => removeEventListener("message", onMessage)
  }, [html])
  return (
    <iframe
      ref={frame}
      // What is to be shown comes once, when the frame is there: another page, another frame.
      key={html}
      className={styles.frame}
      sandbox="allow-scripts"
      src={`${page.base}/frame`}
      title={title}
    />
  )
}

export function Notes({ children }: { children: ReactNode }) {
  return <div className={styles.bar}>{children}</div>
}
