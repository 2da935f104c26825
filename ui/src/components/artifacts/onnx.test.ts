import { expect, test } from "vitest"
import { readOnnx } from "./onnx"

/** The bytes of a message: numbers of fields, and what is in them. */
function message(...fields: [number, number | string | Uint8Array][]): Uint8Array {
  return Uint8Array.from(
    fields.flatMap(([number, value]) => {
      if (typeof value === "number") return [...varint(number * 8), ...varint(value)]
      const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value
      return [...varint(number * 8 + 2), ...varint(bytes.length), ...bytes]
    }),
  )
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))]
}

const value = (name: string, ...dims: (number | string)[]) =>
  message(
    [1, name],
    [2, message([1, message(
      [1, 1],
      [2, message(...dims.map((dim): [number, Uint8Array] =>
        [1, message(typeof dim === "number" ? [1, dim] : [2, dim])]))],
    )])],
  ) // prettier-ignore

const weight = message([1, 512], [1, 1024], [2, 1], [8, "w"], [9, new Uint8Array(2 * 1024 * 1024)])
const file = message(
  [1, 8],
  [2, "trainer"],
  [8, message([2, 17])],
  [7, message(
    [1, message([1, "x"], [2, "y"], [4, "MatMul"])],
    [1, message([4, "Relu"])],
    [1, message([4, "Relu"])],
    [2, "classifier"],
    [5, weight],
    [11, value("x", "batch", 512)],
    [11, value("w", 512, 1024)],
    [12, value("y", "batch", 1024)],
  )],
) // prettier-ignore

test("an ONNX file tells inputs, outputs, operators and weights, whose numbers are not fetched", async () => {
  let fetched = 0
  const part = (from: number, to: number) => {
    fetched += to - from
    return Promise.resolve(file.subarray(from, to))
  }

  const read = await readOnnx(part, file.length)

  expect(read?.title).toBe("classifier, opset 17, by trainer, 1 weight of 524,288 numbers")
  expect(read?.entries).toEqual([
    { name: "x", told: "input, float32 (batch, 512)" },
    { name: "y", told: "output, float32 (batch, 1024)" },
    { name: "Relu", told: "operator, 2 ×" },
    { name: "MatMul", told: "operator, 1 ×" },
    { name: "w", told: "weight, float32 (512, 1024)" },
  ])
  expect(fetched).toBeLessThan(200_000)
})

test("what is no ONNX file, or an end of one, is none", async () => {
  const whole = (bytes: Uint8Array) =>
    readOnnx((from, to) => Promise.resolve(bytes.subarray(from, to)), bytes.length)

  expect(await whole(new TextEncoder().encode("not a model at all"))).toBeNull()
  expect(await whole(file.subarray(0, 1000))).toBeNull()
})
