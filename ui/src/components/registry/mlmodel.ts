/** What a model says of itself in its MLmodel file, as far as pages show it. */

export interface SignatureColumn {
  name: string
  type: string
  isRequired: boolean
}

export interface ModelFile {
  flavors: string[]
  inputs: SignatureColumn[]
  outputs: SignatureColumn[]
  requirements: string[]
  text: string
}

/** Read the file's YAML where it matters: names of flavors, and the signature, which is JSON. */
export function readModel(text: string, requirements: string): ModelFile {
  return {
    flavors: children(text, "flavors"),
    inputs: columns(scalar(text, "inputs")),
    outputs: columns(scalar(text, "outputs")),
    requirements: requirements
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line && !line.startsWith("#")),
    text,
  }
}

/** The keys one level below a top-level key. */
function children(text: string, key: string): string[] {
  const block =
    new RegExp(`^${key}:[^\\S\\n]*\\n((?:[ \\t]+.*\\n?|\\n)*)`, "m").exec(text)?.[1] ?? ""
  return [...block.matchAll(/^ {2}([\w.-]+):/gm)].map((match) => match[1] ?? "")
}

/** A quoted text within `signature`, which may go on over several lines. */
function scalar(text: string, key: string): string {
  const block = /^signature:[^\S\n]*\n((?:[ \t]+.*\n?|\n)*)/m.exec(text)?.[1] ?? ""
  const start = new RegExp(`^ {2}${key}:[ ]*`, "m").exec(block)
  if (!start) return ""
  const rest = block.slice(start.index + start[0].length)
  const end = /^ {2}\w+:/m.exec(rest)
  const raw = (end ? rest.slice(0, end.index) : rest).trim().replace(/\n\s*/g, " ")
  if (raw.startsWith("'")) return raw.slice(1, raw.lastIndexOf("'")).replaceAll("''", "'")
  if (raw.startsWith('"')) {
    try {
      return JSON.parse(raw.slice(0, raw.lastIndexOf('"') + 1)) as string
    } catch {
      return ""
    }
  }
  return raw
}

interface Spec {
  name?: string
  type?: string
  required?: boolean
  "tensor-spec"?: { dtype?: string; shape?: number[] }
}

export function columns(json: string): SignatureColumn[] {
  let list: Spec[]
  try {
    const read = JSON.parse(json) as unknown
    list = Array.isArray(read) ? (read as Spec[]) : []
  } catch {
    return []
  }
  return list.map((one, at) => {
    const tensor = one["tensor-spec"]
    const type = tensor
      ? `tensor ${tensor.dtype ?? ""} (${(tensor.shape ?? []).join(", ")})`
      : (one.type ?? "")
    return { name: one.name ?? `#${at}`, type, isRequired: one.required !== false }
  })
}

export interface Change {
  name: string
  before: string | null
  after: string | null
}

/** By name: what both sides have, in the order of the second, then what only the first has. */
export function changesOf(
  before: readonly (readonly [string, string])[],
  after: readonly (readonly [string, string])[],
): Change[] {
  const old = new Map(before)
  const now = new Map(after)
  return [
    ...after.map(([name, value]) => ({ name, before: old.get(name) ?? null, after: value })),
    ...before
      .filter(([name]) => !now.has(name))
      .map(([name, value]) => ({ name, before: value, after: null })),
  ]
}

/** "numpy==2.1" as name and the rest. */
export function requirement(line: string): [string, string] {
  const name = /^[A-Za-z0-9._-]+/.exec(line)?.[0] ?? line
  return [name.toLowerCase(), line.slice(name.length).trim() || "any"]
}

export interface Scanned {
  path: string
  format: string
  dangerous: string[]
}

/** What a look at the files found when the model was logged: those that run code when they load. */
export function readScan(text: string): Scanned[] {
  const block = /^scan:[^\S\n]*\n((?:[ \t]+.*\n?|\n)*)/m.exec(text)?.[1] ?? ""
  const found: Scanned[] = []
  let key = ""
  for (const line of block.split("\n")) {
    const file = /^ {2}(['"]?)([^ ].*?)\1:\s*$/.exec(line)
    const field = /^ {4}(\w+):\s*(.*)$/.exec(line)
    const item = /^ {4,6}- (['"]?)(.*?)\1$/.exec(line)
    const one = found.at(-1)
    if (file) found.push({ path: file[2] ?? "", format: "", dangerous: [] })
    else if (field) {
      key = field[1] ?? ""
      if (one && key === "format") one.format = (field[2] ?? "").replace(/^(['"])(.*)\1$/, "$2")
    } else if (item && one && key === "dangerous") one.dangerous.push(item[2] ?? "")
  }
  return found
}
