import { useRef } from "react"
import { useShortcuts } from "../../lib/keys"
import styles from "./Preview.module.css"

const FRAME_S = 1 / 25

/** A film; "," and "." step through it. */
export function VideoView({ url, title }: { url: string; title: string }) {
  const video = useRef<HTMLVideoElement>(null)
  const step = (by: number) => {
    if (!video.current) return
    video.current.pause()
    video.current.currentTime = Math.max(0, video.current.currentTime + by * FRAME_S)
  }
  useShortcuts([
    { keys: ",", label: "Frame before", group: "Film", run: () => step(-1) },
    { keys: ".", label: "Next frame", group: "Film", run: () => step(1) },
  ])
  return (
    <video
      ref={video}
      className={styles.video}
      controls
      preload="metadata"
      src={url}
      aria-label={title}
    />
  )
}
