import { expect, test } from "vitest"
import { extent, fromBinary, inlierExtent } from "./series"

/** The compact form as its description has it. */
function written(precision: "float32" | "float64"): ArrayBuffer {
  const header = JSON.stringify({
    version: 2,
    origin: 8,
    width: 4,
    count: 3,
    precision,
    aggregates: ["minimum", "maximum", "last", "mean", "count"],
    series: [
      { run_id: "r", key: "raw", is_raw: true, length: 3 },
      { run_id: "r", key: "long", is_raw: false, length: 2 },
    ],
  })
  const padded = header + " ".repeat((8 - ((header.length + 4) % 8)) % 8)
  const parts: Uint8Array[] = [
    new Uint8Array(Uint32Array.of(padded.length).buffer),
    new TextEncoder().encode(padded),
  ]
  const add = (column: Float64Array | Float32Array | Uint32Array) => {
    parts.push(new Uint8Array(column.buffer), new Uint8Array((8 - (column.byteLength % 8)) % 8))
  }
  const values = (...list: number[]) =>
    add(precision === "float64" ? Float64Array.from(list) : Float32Array.from(list))
  add(Float64Array.of(1, 2, 3))
  values(0.5, Number.NaN, Number.POSITIVE_INFINITY)
  add(Uint32Array.of(0, 2))
  values(1, Number.NaN)
  values(9, Number.NaN)
  values(3, Number.NEGATIVE_INFINITY)
  values(4, Number.NaN)
  add(Uint32Array.of(40, 1))
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole.buffer
}

test.each(["float32", "float64"] as const)("the compact form reads back, as %s", (precision) => {
  const [raw, long] = fromBinary(written(precision)).series

  expect(raw?.isRaw).toBe(true)
  expect([...(raw?.x ?? [])]).toEqual([1, 2, 3])
  expect([...(raw?.y ?? [])]).toEqual([0.5, Number.NaN, Number.POSITIVE_INFINITY])
  // A bucket stands in the middle of the steps that it covers.
  expect([...(long?.x ?? [])]).toEqual([9.5, 17.5])
  expect([...(long?.low ?? [])]).toEqual([1, Number.NaN])
  expect([...(long?.high ?? [])]).toEqual([9, Number.NaN])
  // Without any finite value the line breaks at the last one.
  expect([...(long?.y ?? [])]).toEqual([4, Number.NEGATIVE_INFINITY])
  expect([...(long?.count ?? [])]).toEqual([40, 1])
})

test("extents look at finite numbers, and beyond zero only for logarithms", () => {
  const column = Float64Array.of(-1, 5, Number.NaN, Number.POSITIVE_INFINITY, 0.5)

  expect(extent([column])).toEqual([-1, 5])
  expect(extent([column], 0)).toEqual([0.5, 5])
  expect(extent([Float64Array.of(Number.NaN)])).toBeNull()
})

test("a share of outliers is left out on either side", () => {
  const column = Float64Array.from({ length: 101 }, (_, at) => (at === 50 ? 1e9 : at))

  expect(inlierExtent([column], 0.02)).toEqual([2, 99])
})
