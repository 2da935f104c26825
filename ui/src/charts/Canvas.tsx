import { useEffect, useEffectEvent, useRef, type PointerEvent, type ReactNode } from "react"
import { useLook } from "../lib/theme"
import styles from "./Canvas.module.css"
import { readTheme, type Surface } from "./canvas"

export interface CanvasHandle {
  png: () => Promise<Blob>
}

export interface Point {
  x: number
  y: number
}

/** A sharp canvas as large as its place; draws anew when data, size or colours change. */
export function Canvas({
  draw,
  onDrawn,
  onReady,
  onDown,
  onMove,
  onUp,
  onLeave,
  cursor = "default",
  children,
}: {
  /** A new function is a new drawing. */
  draw: (surface: Surface) => void
  onDrawn?: () => void
  onReady?: (handle: CanvasHandle | null) => void
  onDown?: (at: Point, event: PointerEvent) => void
  onMove?: (at: Point, event: PointerEvent) => void
  onUp?: (at: Point, event: PointerEvent) => void
  onLeave?: () => void
  cursor?: string
  /** Above the canvas: a read-out, handles. */
  children?: ReactNode
}) {
  const box = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const theme = useLook()
  const ready = useEffectEvent((handle: CanvasHandle | null) => onReady?.(handle))
  const render = useEffectEvent((target: HTMLCanvasElement, ratio: number) => {
    const { current } = box
    const context = target.getContext("2d")
    if (!current || !context) return
    const width = Math.max(40, current.clientWidth)
    const height = Math.max(40, current.clientHeight)
    target.width = Math.round(width * ratio)
    target.height = Math.round(height * ratio)
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    const colours = readTheme()
    context.fillStyle = colours.ground
    context.fillRect(0, 0, width, height)
    draw({ context, width, height, theme: colours })
  })
  const show = useEffectEvent(() => {
    if (!canvas.current) return
    render(canvas.current, devicePixelRatio)
    onDrawn?.()
  })

  useEffect(() => {
    if (!box.current) return
    const watch = new ResizeObserver(() => show())
    watch.observe(box.current)
    ready({
      png: async () => {
        const image = document.createElement("canvas")
        render(image, 2)
        return new Promise((resolve, reject) => {
          image.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("No image was made."))))
        })
      },
    })
    return () => {
      watch.disconnect()
      ready(null)
    }
  }, [])

  useEffect(() => show(), [draw, theme])

  const at = ({ clientX, clientY, currentTarget }: PointerEvent): Point => {
    const { left, top } = currentTarget.getBoundingClientRect()
    return { x: clientX - left, y: clientY - top }
  }
  return (
    <div
      ref={box}
      className={styles.box}
      style={{ cursor }}
      onPointerDown={
        onDown &&
        ((event) => {
          event.currentTarget.setPointerCapture(event.pointerId)
          onDown(at(event), event)
        })
      }
      onPointerMove={onMove && ((event) => onMove(at(event), event))}
      onPointerUp={onUp && ((event) => onUp(at(event), event))}
      onPointerLeave={onLeave}
    >
      <canvas ref={canvas} className={styles.canvas} aria-hidden="true" />
      {children}
    </div>
  )
}
