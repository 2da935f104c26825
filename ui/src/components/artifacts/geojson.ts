/** Shapes of GeoJSON as paths in degrees, north up. */

export interface Shape {
  kind: "point" | "line" | "area"
  /** For SVG; of a point, where it is. */
  path: string
  at: readonly [number, number]
  name: string
}

export interface Map {
  shapes: Shape[]
  /** West, north (negative latitude), width, height. */
  box: readonly [number, number, number, number]
}

type Position = readonly number[]
interface Geometry {
  type: string
  coordinates?: unknown
  geometries?: Geometry[]
}
interface Feature {
  type: string
  geometry?: Geometry | null
  features?: Feature[]
  properties?: Record<string, unknown> | null
  coordinates?: unknown
  geometries?: Geometry[]
}

const MOST = 20_000

/** Null for what is no GeoJSON, or has no shape. */
export function readMap(value: unknown): Map | null {
  if (typeof value !== "object" || value === null) return null
  const shapes: Shape[] = []
  let [west, south, east, north] = [Infinity, Infinity, -Infinity, -Infinity]
  const place = (position: Position): string => {
    const [x = 0, y = 0] = position
    west = Math.min(west, x)
    east = Math.max(east, x)
    south = Math.min(south, y)
    north = Math.max(north, y)
    return `${x},${-y}`
  }
  const line = (list: readonly Position[]) => `M${list.map(place).join("L")}`
  const add = (kind: Shape["kind"], path: string, first: Position, name: string) => {
    const [x = 0, y = 0] = first
    if (shapes.length < MOST) shapes.push({ kind, path, at: [x, -y], name })
  }
  const draw = (geometry: Geometry, name: string) => {
    const held = geometry.coordinates
    switch (geometry.type) {
      case "Point":
        add("point", place(held as Position), held as Position, name)
        break
      case "MultiPoint":
        for (const one of held as Position[]) add("point", place(one), one, name)
        break
      case "LineString":
        add("line", line(held as Position[]), (held as Position[])[0] ?? [], name)
        break
      case "MultiLineString":
        for (const one of held as Position[][]) add("line", line(one), one[0] ?? [], name)
        break
      case "Polygon":
        area(held as Position[][], name)
        break
      case "MultiPolygon":
        for (const one of held as Position[][][]) area(one, name)
        break
      case "GeometryCollection":
        for (const one of geometry.geometries ?? []) draw(one, name)
    }
  }
  const area = (rings: Position[][], name: string) =>
    add("area", rings.map((ring) => `${line(ring)}Z`).join(""), rings[0]?.[0] ?? [], name)
  const look = (feature: Feature) => {
    if (feature.type === "FeatureCollection") for (const one of feature.features ?? []) look(one)
    else if (feature.type === "Feature") {
      if (feature.geometry) draw(feature.geometry, nameOf(feature.properties))
    } else draw(feature, "")
  }
  try {
    look(value as Feature)
  } catch {
    return null // coordinates that are none
  }
  if (shapes.length === 0 || ![west, south, east, north].every(Number.isFinite)) return null
  const room = Math.max(east - west, north - south, 1e-6) * 0.05
  const box = [
    west - room,
    -north - room,
    east - west + 2 * room,
    north - south + 2 * room,
  ] as const
  return { shapes, box }
}

function nameOf(properties: Feature["properties"]): string {
  const held = Object.entries(properties ?? {})
  const [, named] = held.find(([key]) => /^(name|title|id)$/i.test(key)) ?? held[0] ?? []
  return named === undefined || named === null ? "" : String(named)
}
