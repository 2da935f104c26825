import { expect, test } from "vitest"
import { readMap } from "./geojson"

test("shapes are drawn north up, inside a box with some room", () => {
  const map = readMap({
    type: "FeatureCollection",
    features: [
      {
        type: "Feature",
        properties: { name: "here" },
        geometry: { type: "Point", coordinates: [10, 50] },
      },
      {
        type: "Feature",
        properties: null,
        geometry: {
          type: "Polygon",
          coordinates: [
            [
              [0, 40],
              [20, 40],
              [20, 60],
              [0, 40],
            ],
          ],
        },
      },
    ],
  })
  expect(map?.shapes.map(({ kind, path, name }) => [kind, path, name])).toEqual([
    ["point", "10,-50", "here"],
    ["area", "M0,-40L20,-40L20,-60L0,-40Z", ""],
  ])
  expect(map?.box).toEqual([-1, -61, 22, 22])
})

test("what has no shape is no map", () => {
  expect(readMap({ type: "FeatureCollection", features: [] })).toBeNull()
  expect(readMap({ a: 1 })).toBeNull()
  expect(readMap({ type: "Polygon", coordinates: 3 })).toBeNull()
  expect(readMap({ type: "Point", coordinates: ["x", "y"] })).toBeNull()
})
