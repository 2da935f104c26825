/** What the workspace shows, as one document: in the address, and saved under a name. */

import { deflateSync, inflateSync } from "fflate"
import { z } from "zod/mini"

export const ARRANGEMENTS = ["table", "split", "panels"] as const

const text = (initial: string) => z._default(z.string(), initial)
const flag = (initial: boolean) => z._default(z.boolean(), initial)
const texts = z._default(z.array(z.string()), [])

const schema = z.object({
  v: z.literal(1),
  /** The text of the query field. */
  q: text(""),
  lifecycle: z._default(z.enum(["active", "deleted"]), "active"),
  /** Columns right of the name, in order; null until somebody has chosen. */
  columns: z._default(z.nullable(z.array(z.string())), null),
  widths: z._default(z.record(z.string(), z.number()), {}),
  /** Columns that stay when the others scroll. */
  fixed: texts,
  /** "metrics.loss ASC" and so on, the most important first. */
  sort: texts,
  group: texts,
  isTree: flag(true),
  arrangement: z._default(z.enum(ARRANGEMENTS), "table"),
  /** Percent of the width that the list takes in the split arrangement. */
  share: z._default(z.number(), 38),
  differing: flag(false),
  withValues: flag(false),
  /** Runs on top, and the one that others are compared with. */
  pinned: texts,
  base: z._default(z.nullable(z.string()), null),
  /** Runs that no chart shows. */
  hidden: texts,
  /** Metrics that are best at their maximum. */
  maximize: texts,
  selected: texts,
  /** What the panels keep: see `components/PanelArea`. */
  panels: z.optional(z.unknown()),
})

export type View = z.infer<typeof schema>
export type Arrangement = (typeof ARRANGEMENTS)[number]

export const DEFAULT_VIEW: View = schema.parse({ v: 1 })

export const MOST_SELECTED = 50
/** An address beyond this is stored on the server instead. */
export const LONGEST = 4_000

/** The view as what differs from the default, or "" when nothing does. */
export function packed(view: View): string {
  if (isUsual(view)) return ""
  const bytes = deflateSync(new TextEncoder().encode(documentOf(view)), { level: 9 })
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")
}

/** The view as a document, what is usual left out. */
export function documentOf(view: View): string {
  return JSON.stringify({ v: 1, ...difference(view) })
}

export function difference(view: View): Partial<View> {
  const kept = { ...view, selected: view.selected.slice(0, MOST_SELECTED) }
  return Object.fromEntries(
    Object.entries(kept).filter(
      ([key, value]) => JSON.stringify(value) !== JSON.stringify(DEFAULT_VIEW[key as keyof View]),
    ),
  )
}

export function isUsual(view: View): boolean {
  return Object.keys(difference(view)).length === 0
}

/** The view behind a packed text; null when it is of a newer version, or damaged. */
export function unpacked(packedText: string): View | null {
  try {
    const binary = atob(packedText.replaceAll("-", "+").replaceAll("_", "/"))
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0))
    return viewOf(JSON.parse(new TextDecoder().decode(inflateSync(bytes))))
  } catch {
    return null
  }
}

/** A view document as a view, what it does not say as by default; null when it is none we know. */
export function viewOf(document: unknown): View | null {
  const found = schema.safeParse(document)
  return found.success ? found.data : null
}
