import { useState } from "react"
import { useShortcuts } from "../../lib/keys"
import { IconButton } from "../../ui/Button"
import type { PreviewProps } from "./Preview"
import { kindOf } from "./kinds"
import styles from "./Preview.module.css"

const STEP = 1.5
const MOST = 16

/** A picture, fitted until somebody comes closer. SVG is a picture, too: its scripts never run. */
export default function ImageView({
  url,
  file,
  siblings = [],
  onPath,
}: PreviewProps & { url: string }) {
  const [zoom, setZoom] = useState<number | null>(null)
  const [size, setSize] = useState<[number, number] | null>(null)
  const [isBroken, setBroken] = useState(false)
  const by = (factor: number) => setZoom(Math.max(0.1, Math.min(MOST, (zoom ?? 1) * factor)))
  useShortcuts([
    { keys: "+", label: "Closer", group: "Image", run: () => by(STEP) },
    { keys: "-", label: "Farther", group: "Image", run: () => by(1 / STEP) },
    { keys: "0", label: "Fit", group: "Image", run: () => setZoom(null) },
  ])
  const images = siblings.filter(({ path }) => kindOf(path) === "image")
  const at = images.findIndex(({ path }) => path === file.path)
  return (
    <>
      <div className={styles.bar}>
        <IconButton icon="minus" size="s" label="Farther" keys="-" onClick={() => by(1 / STEP)} />
        <IconButton icon="plus" size="s" label="Closer" keys="+" onClick={() => by(STEP)} />
        <IconButton icon="expand" size="s" label="Fit" keys="0" onClick={() => setZoom(null)} />
        {size && (
          <span className="number">
            {size[0]} × {size[1]}
            {zoom !== null && `, ${Math.round(zoom * 100)} %`}
          </span>
        )}
        {images.length > 1 && onPath && (
          <span>
            {at + 1} of {images.length}
          </span>
        )}
      </div>
      <div className={styles.image} data-zoomed={zoom === null ? undefined : ""}>
        {isBroken ? (
          <p>This picture cannot be shown.</p>
        ) : (
          <img
            src={url}
            alt={file.path}
            style={zoom !== null && size ? { width: size[0] * zoom } : undefined}
            onLoad={(event) =>
              setSize([event.currentTarget.naturalWidth, event.currentTarget.naturalHeight])
            }
            onError={() => setBroken(true)}
          />
        )}
      </div>
    </>
  )
}
