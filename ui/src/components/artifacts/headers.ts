/** What binary files say of themselves in their first, or last, bytes. */

export interface Entry {
  name: string
  /** Its shape, size or type, in words. */
  told: string
}

export interface Header {
  title: string
  entries: Entry[]
  /** The first values, of an array. */
  values?: string[]
}

const MOST_VALUES = 200

/** The array in an .npy file of versions 1 to 3; null for what is none. */
export function readNpy(bytes: Uint8Array): Header | null {
  if (bytes.length < 12 || text(bytes, 1, 6) !== "NUMPY") return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isLong = (bytes[6] ?? 1) > 1
  const length = isLong ? view.getUint32(8, true) : view.getUint16(8, true)
  const start = isLong ? 12 : 10
  const told = text(bytes, start, start + length)
  const type = /'descr':\s*'([^']+)'/.exec(told)?.[1]
  const shape = /'shape':\s*\(([^)]*)\)/.exec(told)?.[1]
  if (shape === undefined) return null
  const sizes = shape
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean)
  const total = sizes.reduce((product, one) => product * Number(one), 1)
  const values = type ? numbers(view, start + length, type, Math.min(total, MOST_VALUES)) : []
  return {
    title: `${type ?? "structured"} (${sizes.join(", ")})`,
    entries: [
      { name: "type", told: type ?? "structured" },
      { name: "shape", told: sizes.join(" × ") || "one value" },
      { name: "values", told: total.toLocaleString("en") },
      { name: "order", told: /'fortran_order':\s*True/.test(told) ? "by columns" : "by rows" },
    ],
    values,
  }
}

type Read = (view: DataView, at: number, isLittle: boolean) => number | bigint | boolean

const READ: Record<string, readonly [number, Read]> = {
  f8: [8, (view, at, is) => view.getFloat64(at, is)],
  f4: [4, (view, at, is) => view.getFloat32(at, is)],
  i8: [8, (view, at, is) => view.getBigInt64(at, is)],
  u8: [8, (view, at, is) => view.getBigUint64(at, is)],
  i4: [4, (view, at, is) => view.getInt32(at, is)],
  u4: [4, (view, at, is) => view.getUint32(at, is)],
  i2: [2, (view, at, is) => view.getInt16(at, is)],
  u2: [2, (view, at, is) => view.getUint16(at, is)],
  i1: [1, (view, at) => view.getInt8(at)],
  u1: [1, (view, at) => view.getUint8(at)],
  b1: [1, (view, at) => view.getUint8(at) !== 0],
}

function numbers(view: DataView, start: number, type: string, count: number): string[] {
  const [size, read] = READ[type.slice(1)] ?? [0, null]
  const found: string[] = []
  if (read === null) return found
  for (let at = start; found.length < count && at + size <= view.byteLength; at += size) {
    const value = read(view, at, type[0] !== ">")
    found.push(typeof value === "number" ? String(Number(value.toPrecision(7))) : String(value))
  }
  return found
}

/** Tensors of a .safetensors file; null when its header is not all there. */
export function readSafetensors(bytes: Uint8Array): Header | null {
  if (bytes.length < 8) return null
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))
  if (length + 8 > bytes.length) return null
  try {
    const held = JSON.parse(text(bytes, 8, 8 + length)) as Record<
      string,
      { dtype?: string; shape?: number[] }
    >
    const entries = Object.entries(held)
      .filter(([name]) => name !== "__metadata__")
      .map(([name, { dtype = "", shape = [] }]) => ({
        name,
        told: `${dtype} (${shape.join(", ")})`,
      }))
    return { title: `${entries.length} tensors`, entries }
  } catch {
    return null
  }
}

/** How long the header of a .safetensors file is, told by its first 8 bytes. */
export const safetensorsLength = (bytes: Uint8Array): number =>
  bytes.length < 8
    ? 0
    : 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true))

export interface ZipEntry {
  name: string
  size: number
  packed: number
  /** Where its own header begins in the file. */
  offset: number
  method: number
}

/** Entries of a zip file by its directory, which is within *tail*, the last bytes of *size*. */
export function readZip(tail: Uint8Array, size: number): ZipEntry[] | null {
  const view = new DataView(tail.buffer, tail.byteOffset, tail.byteLength)
  let end = tail.length - 22
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--
  if (end < 0) return null
  const start = view.getUint32(end + 16, true) - (size - tail.length)
  if (start < 0) return null
  const found: ZipEntry[] = []
  for (let at = start; at + 46 <= end && view.getUint32(at, true) === 0x02014b50;) {
    const [name, extra, note] = [28, 30, 32].map((place) => view.getUint16(at + place, true)) as [
      number,
      number,
      number,
    ]
    found.push({
      name: text(tail, at + 46, at + 46 + name),
      size: view.getUint32(at + 24, true),
      packed: view.getUint32(at + 20, true),
      offset: view.getUint32(at + 42, true),
      method: view.getUint16(at + 10, true),
    })
    at += 46 + name + extra + note
  }
  return found
}

/** Entries of a tar file, as far as *bytes* go, and whether there may be more. */
export function readTar(bytes: Uint8Array): { entries: Entry[]; isCut: boolean } | null {
  if (text(bytes, 257, 262) !== "ustar") return null
  const entries: Entry[] = []
  let at = 0
  while (at + 512 <= bytes.length && bytes[at] !== 0) {
    const name = text(bytes, at, at + 100).replace(/\0.*$/s, "")
    const size = Number.parseInt(text(bytes, at + 124, at + 135), 8) || 0
    if ("05".includes(String.fromCharCode(bytes[at + 156] ?? 48))) {
      entries.push({ name, told: `${size.toLocaleString("en")} bytes` })
    }
    at += 512 + Math.ceil(size / 512) * 512
  }
  return { entries, isCut: at + 512 > bytes.length }
}

function text(bytes: Uint8Array, from: number, to: number): string {
  return new TextDecoder().decode(bytes.subarray(from, to))
}
