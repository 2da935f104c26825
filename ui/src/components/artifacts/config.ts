/** Files of settings as values: YAML, of which there may be several documents in a file, and TOML. */

import { parse } from "smol-toml"
import { parseAllDocuments } from "yaml"

/** Beyond so many nodes by reference a file is a bomb. */
const MOST_ALIASES = 100

/** What the text of the file at *path* says; null when it is not what its name says. */
export function readConfig(text: string, path: string): { value: unknown } | null {
  try {
    if (path.toLowerCase().endsWith(".toml")) return { value: plain(parse(text)) }
    const documents = parseAllDocuments(text)
    if (!Array.isArray(documents) || documents.some(({ errors }) => errors.length > 0)) return null
    const values = documents.map((one) => plain(one.toJS({ maxAliasCount: MOST_ALIASES })))
    return { value: values.length === 1 ? values[0] : values }
  } catch {
    return null
  }
}

/** As JSON has it: dates and the like are text. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return String(value)
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, plain(one)]))
}
