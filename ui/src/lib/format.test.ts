import { expect, it } from "vitest"
import { ago, bytes, count, duration, value } from "./format"

it.each([
  [0, "0"],
  [0.1234567, "0.12346"],
  [12, "12"],
  [123456, "123 456"],
  [123456.7, "123 457"],
  [1234567, "1.235e6"],
  [1.5, "1.5"],
  [-0.5, "−0.5"],
  [1e-9, "1e-9"],
  [1e-320, "1e-320"],
  [Number.NaN, "NaN"],
  [Infinity, "Infinity"],
  [-Infinity, "−Infinity"],
])("shows %d as %s", (number, text) => {
  expect(value(number)).toBe(text)
})

it.each([
  [0.123456789, "0.123", "0.123456789"],
  [1234.5678, "1 235", "1234.5678"],
  [1234567, "1.23e6", "1.234567e6"],
  [-1.23456789e-7, "−1.23e-7", "−1.23456789e-7"],
  [123456, "123 456", "123 456"],
])("tells of %d as much as is preferred", (number, short, all) => {
  expect([value(number, "short"), value(number, "all")]).toEqual([short, all])
})

it("humanises sizes, times and numbers", () => {
  expect([0, 1023, 1536, 5 * 1024 ** 3].map(bytes)).toEqual(["0 B", "1023 B", "1.5 KiB", "5 GiB"])
  expect([12, 4200, 90_000, 3_725_000, 90_000_000].map(duration)).toEqual([
    "12 ms", "4.2 s", "1 min 30 s", "1 h 2 min", "1 d 1 h",
  ]) // prettier-ignore
  expect(count(1234567)).toBe("1 234 567")
  expect(ago(0, 3_600_000)).toBe("1 h ago")
})
