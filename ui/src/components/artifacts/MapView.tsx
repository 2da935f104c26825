import { plural } from "../../lib/format"
import type { Map } from "./geojson"
import OrDocument from "./OrDocument"
import styles from "./Preview.module.css"

/** Shapes of the world on a blank ground: no tiles are fetched from anywhere. */
export default function MapView({ map, text, title }: { map: Map; text: string; title: string }) {
  const [, , width, height] = map.box
  const radius = Math.max(width, height) / 120
  return (
    <OrDocument text={text} note={plural(map.shapes.length, "shape")}>
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
    </OrDocument>
  )
}
