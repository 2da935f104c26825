import { useState } from "react"
import { plural } from "../../lib/format"
import { Button } from "../../ui/Button"
import type { Map } from "./geojson"
import JsonView from "./JsonView"
import styles from "./Preview.module.css"
import { Notes } from "./SandboxView"

/** Shapes of the world on a blank ground: no tiles are fetched from anywhere. */
export default function MapView({ map, text, title }: { map: Map; text: string; title: string }) {
  const [isDocument, setDocument] = useState(false)
  const [, , width, height] = map.box
  const radius = Math.max(width, height) / 120
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
        <span>{plural(map.shapes.length, "shape")}</span>
      </Notes>
      {isDocument ? (
        <JsonView text={text} isLines={false} />
      ) : (
        <svg
          className={styles.map}
          viewBox={map.box.join(" ")}
          role="img"
          aria-label={`${title}: ${plural(map.shapes.length, "shape")}`}
        >
          {map.shapes.map(({ kind, path, at, name }, place) =>
            kind === "point" ? (
              <circle key={place} cx={at[0]} cy={at[1]} r={radius} data-kind={kind}>
                <title>{name}</title>
              </circle>
            ) : (
              <path key={place} d={path} data-kind={kind} vectorEffect="non-scaling-stroke">
                <title>{name}</title>
              </path>
            ),
          )}
        </svg>
      )}
    </>
  )
}
