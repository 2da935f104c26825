import { expect, it } from "vitest"
import { DEFAULT_VIEW, MOST_SELECTED, packed, unpacked, viewOf } from "./view"

it("leaves what is as usual out of the address", () => {
  expect(packed(DEFAULT_VIEW)).toBe("")
})

it("comes back from the address as it was", () => {
  const view = {
    ...DEFAULT_VIEW,
    q: "params.a = 'ü'",
    columns: ["metrics.`a/b`"],
    widths: { x: 120 },
    base: "r",
  }
  const text = packed(view)
  expect(text).toMatch(/^[\w-]+$/)
  expect(unpacked(text)).toEqual(view)
})

it("keeps a selection up to a number", () => {
  const selected = Array.from({ length: 80 }, (_, at) => String(at))
  expect(unpacked(packed({ ...DEFAULT_VIEW, selected }))?.selected).toHaveLength(MOST_SELECTED)
})

it("knows what it does not know", () => {
  expect(unpacked("nonsense")).toBeNull()
  expect(viewOf({ v: 2, q: "x" })).toBeNull()
  expect(viewOf({ v: 1, future: true, q: "x" })).toEqual({ ...DEFAULT_VIEW, q: "x" })
})
