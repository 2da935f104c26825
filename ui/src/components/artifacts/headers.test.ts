import { zipSync } from "fflate"
import { expect, test } from "vitest"
import { readNpy, readSafetensors, readTar, readZip } from "./headers"

const bytes = (text: string) => new TextEncoder().encode(text)

function npy(header: string, body: Uint8Array): Uint8Array {
  const told = bytes(header)
  const made = new Uint8Array(10 + told.length + body.length)
  made.set([0x93, ...bytes("NUMPY"), 1, 0, told.length & 255, told.length >> 8])
  made.set(told, 10)
  made.set(body, 10 + told.length)
  return made
}

test("an array tells its type, shape and first values", () => {
  const body = new Uint8Array(new Float64Array([0.1, -2, Number.NaN]).buffer)
  const read = readNpy(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n", body))
  expect(read?.title).toBe("<f8 (3)")
  expect(read?.values).toEqual(["0.1", "-2", "NaN"])
  expect(readNpy(bytes("not an array at all"))).toBeNull()
})

test("big-endian whole numbers are read as such, and an array that is cut as far as it goes", () => {
  const read = readNpy(
    npy("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 2), }", new Uint8Array([1, 0, 0, 5])),
  )
  expect(read?.values).toEqual(["256", "5"])
  expect(read?.entries.map(({ told }) => told)).toEqual([">i2", "2 × 2", "4", "by columns"])
})

test("tensors are named with type and shape", () => {
  const told = bytes(JSON.stringify({ __metadata__: {}, w: { dtype: "F32", shape: [2, 3] } }))
  const made = new Uint8Array(8 + told.length)
  new DataView(made.buffer).setBigUint64(0, BigInt(told.length), true)
  made.set(told, 8)
  expect(readSafetensors(made)?.entries).toEqual([{ name: "w", told: "F32 (2, 3)" }])
  expect(readSafetensors(made.subarray(0, 12))).toBeNull()
})

test("a zip file is read from its end", () => {
  const made = zipSync({ "a.txt": bytes("aaaa"), "b/c.txt": bytes("c") }, { level: 0 })
  const tail = made.subarray(made.length - 150)
  expect(readZip(tail, made.length)?.map(({ name, size }) => [name, size])).toEqual([
    ["a.txt", 4],
    ["b/c.txt", 1],
  ])
  expect(readZip(bytes("x".repeat(100)), 100)).toBeNull()
})

test("files of a tar are listed as far as the bytes go", () => {
  const made = new Uint8Array(2048)
  made.set(bytes("a.txt"))
  made.set(bytes("00000000005\0"), 124)
  made.set(bytes("0"), 156)
  made.set(bytes("ustar"), 257)
  expect(readTar(made)).toEqual({ entries: [{ name: "a.txt", told: "5 bytes" }], isCut: false })
  expect(readTar(made.subarray(0, 1024))?.isCut).toBe(true)
  expect(readTar(new Uint8Array(600))).toBeNull()
})
