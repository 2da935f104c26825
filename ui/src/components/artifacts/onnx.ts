/** What an ONNX file says of its model: inputs, outputs, operators; weights are passed over unread.
 *
 * The form is that of protocol buffers with the numbers of onnx.proto3. Of files with large weights
 * only the parts between them are fetched.
 */

import { plural } from "../../lib/format"
import type { Entry, Header } from "./headers"

type Part = (from: number, to: number) => Promise<Uint8Array>

const WINDOW = 64 * 1024
/** A model of very many large weights is told as far as this goes. */
const MOST_READS = 400
const LONGEST_HEAD = 20

const TYPES = [
  "undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool",
  "float16", "float64", "uint32", "uint64", "complex64", "complex128", "bfloat16", "float8e4m3fn",
  "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1",
] // prettier-ignore

const MODEL = { producer: 2, version: 3, graph: 7, opset: 8 }
const OPSET = { domain: 1, version: 2 }
const GRAPH = { node: 1, name: 2, weights: 5, input: 11, output: 12 }
const NODE = { operator: 4, domain: 7 }
const TENSOR = { dims: 1, type: 2, name: 8 }
const VALUE = { name: 1, type: 2 }
const TYPE = { tensor: 1 }
const TENSOR_TYPE = { element: 1, shape: 2 }
const SHAPE = { dim: 1 }
const DIM = { value: 1, name: 2 }

interface Field {
  number: number
  /** Of a whole number. */
  value: number
  /** Where its bytes are, of what has any. */
  from: number
  to: number
}

class Broken extends Error {}
class Unread extends Error {}

/** A file through a window that moves with what is asked for. */
class Reader {
  private start = 0
  private held: Uint8Array = new Uint8Array()
  private reads = 0

  constructor(
    private readonly part: Part,
    readonly size: number,
  ) {}

  /** Bytes from *at* on: at least *length*, unless the file ends before. */
  async bytes(at: number, length: number): Promise<Uint8Array> {
    const end = Math.min(this.size, at + length)
    if (at < this.start || end > this.start + this.held.length) {
      if (++this.reads > MOST_READS) throw new Unread()
      this.held = await this.part(at, Math.min(this.size, at + Math.max(length, WINDOW)))
      this.start = at
    }
    return this.held.subarray(at - this.start)
  }

  async text({ from, to }: Field): Promise<string> {
    const bytes = await this.bytes(from, to - from)
    return new TextDecoder().decode(bytes.subarray(0, to - from))
  }

  async *fields(from: number, to: number): AsyncGenerator<Field> {
    let at = from
    while (at < to) {
      const bytes = await this.bytes(at, LONGEST_HEAD)
      const [tag, head] = varint(bytes, 0)
      const number = Math.floor(tag / 8)
      switch (tag % 8) {
        case 0: {
          const [value, end] = varint(bytes, head)
          at += end
          yield { number, value, from: at, to: at }
          break
        }
        case 1:
          at += head + 8
          break
        case 2: {
          const [length, start] = varint(bytes, head)
          const field = { number, value: length, from: at + start, to: at + start + length }
          if (field.to > to) throw new Broken()
          yield field
          at = field.to
          break
        }
        case 5:
          at += head + 4
          break
        default:
          throw new Broken()
      }
    }
  }
}

/** A number of seven bits a byte, and where it ends. */
function varint(bytes: Uint8Array, start: number): [number, number] {
  let value = 0
  for (let at = start, factor = 1; at < bytes.length && at < start + 10; at++, factor *= 128) {
    const byte = bytes[at] ?? 0
    value += (byte & 127) * factor
    if (byte < 128) return [value, at + 1]
  }
  throw new Broken()
}

interface Told {
  name: string
  opset: string
  producer: string
  inputs: Entry[]
  outputs: Entry[]
  operators: Map<string, number>
  weights: Map<string, string>
  numbers: number
}

/** The model in a file of *size* bytes; null for what is none. */
export async function readOnnx(part: Part, size: number): Promise<Header | null> {
  const told: Told = {
    name: "", opset: "", producer: "", inputs: [], outputs: [],
    operators: new Map(), weights: new Map(), numbers: 0,
  } // prettier-ignore
  const reader = new Reader(part, size)
  let isCut = false
  try {
    for await (const field of reader.fields(0, size)) await model(reader, field, told)
  } catch (error) {
    if (error instanceof Broken) return null
    if (!(error instanceof Unread)) throw error
    isCut = true
  }
  const inputs = told.inputs.filter(({ name }) => !told.weights.has(name))
  if (told.operators.size + inputs.length + told.outputs.length === 0) return null
  const of = (what: string, list: readonly Entry[]) =>
    list.map((one) => ({ name: one.name, told: `${what}, ${one.told}` }))
  const facts = [
    told.name || "A model",
    told.opset && `opset ${told.opset}`,
    told.producer && `by ${told.producer}`,
    `${plural(told.weights.size, "weight")} of ${told.numbers.toLocaleString("en")} numbers`,
    isCut && "as far as it was read",
  ]
  return {
    title: facts.filter(Boolean).join(", "),
    entries: [
      ...of("input", inputs),
      ...of("output", told.outputs),
      ...[...told.operators]
        .sort(([, a], [, b]) => b - a)
        .map(([name, times]) => ({ name, told: `operator, ${times} ×` })),
      ...[...told.weights].map(([name, shape]) => ({ name, told: `weight, ${shape}` })),
    ],
  }
}

async function model(reader: Reader, field: Field, told: Told): Promise<void> {
  switch (field.number) {
    case MODEL.producer:
      told.producer = await reader.text(field)
      break
    case MODEL.version:
      told.producer = `${told.producer} ${await reader.text(field)}`.trim()
      break
    case MODEL.opset: {
      let [domain, version] = ["", 0]
      for await (const one of reader.fields(field.from, field.to)) {
        if (one.number === OPSET.domain) domain = await reader.text(one)
        if (one.number === OPSET.version) version = one.value
      }
      const named = domain === "" ? String(version) : `${domain} ${version}`
      told.opset = [told.opset, named].filter(Boolean).join(" and ")
      break
    }
    case MODEL.graph:
      for await (const one of reader.fields(field.from, field.to)) await graph(reader, one, told)
  }
}

async function graph(reader: Reader, field: Field, told: Told): Promise<void> {
  switch (field.number) {
    case GRAPH.name:
      told.name = await reader.text(field)
      break
    case GRAPH.node: {
      let [operator, domain] = ["", ""]
      for await (const one of reader.fields(field.from, field.to)) {
        if (one.number === NODE.operator) operator = await reader.text(one)
        if (one.number === NODE.domain) domain = await reader.text(one)
      }
      const name = domain === "" ? operator : `${domain}.${operator}`
      told.operators.set(name, (told.operators.get(name) ?? 0) + 1)
      break
    }
    case GRAPH.weights:
      await weight(reader, field, told)
      break
    case GRAPH.input:
      told.inputs.push(await valueInfo(reader, field))
      break
    case GRAPH.output:
      told.outputs.push(await valueInfo(reader, field))
  }
}

async function weight(reader: Reader, field: Field, told: Told): Promise<void> {
  const dims: number[] = []
  let [name, type] = ["", 0]
  for await (const one of reader.fields(field.from, field.to)) {
    if (one.number === TENSOR.dims && one.from === one.to) dims.push(one.value)
    else if (one.number === TENSOR.dims) {
      const bytes = (await reader.bytes(one.from, one.value)).subarray(0, one.value)
      for (let at = 0; at < bytes.length;) {
        const [dim, end] = varint(bytes, at)
        dims.push(dim)
        at = end
      }
    } else if (one.number === TENSOR.type) type = one.value
    else if (one.number === TENSOR.name) {
      name = await reader.text(one)
      // What follows are its numbers.
      break
    }
  }
  told.weights.set(name, `${TYPES[type] ?? type} (${dims.join(", ")})`)
  told.numbers += dims.reduce((product, one) => product * one, 1)
}

async function valueInfo(reader: Reader, field: Field): Promise<Entry> {
  let [name, told] = ["", "of no tensor"]
  for await (const one of reader.fields(field.from, field.to)) {
    if (one.number === VALUE.name) name = await reader.text(one)
    if (one.number !== VALUE.type) continue
    for await (const kind of reader.fields(one.from, one.to)) {
      if (kind.number === TYPE.tensor) told = await tensorType(reader, kind)
    }
  }
  return { name, told }
}

async function tensorType(reader: Reader, field: Field): Promise<string> {
  let element = 0
  const dims: string[] = []
  for await (const one of reader.fields(field.from, field.to)) {
    if (one.number === TENSOR_TYPE.element) element = one.value
    if (one.number !== TENSOR_TYPE.shape) continue
    for await (const dim of reader.fields(one.from, one.to)) {
      if (dim.number !== SHAPE.dim) continue
      let size = "?"
      for await (const is of reader.fields(dim.from, dim.to)) {
        if (is.number === DIM.value) size = String(is.value)
        if (is.number === DIM.name) size = await reader.text(is)
      }
      dims.push(size)
    }
  }
  return `${TYPES[element] ?? element} (${dims.join(", ")})`
}
