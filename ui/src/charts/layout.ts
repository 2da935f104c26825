/** Which panels there are, where they stand and how they draw: a document that views keep.
 *
 * Panels of metrics are made by themselves, one for each key; the document holds only what differs
 * from that, and the panels that people made.
 */

import type { XKind } from "./axes"
import type { Spread } from "./group"
import type { Smoothing } from "./smooth"

export type PanelKind =
  "line" | "bar" | "scatter" | "parallel" | "contour" | "box" | "heat" | "histogram"

export const PANEL_KINDS: readonly (readonly [PanelKind, string])[] = [
  ["line", "Lines"],
  ["bar", "Bars"],
  ["scatter", "Scatter"],
  ["parallel", "Parallel coordinates"],
  ["contour", "Contour"],
  ["box", "Boxes"],
  ["heat", "Correlation"],
  ["histogram", "Histograms"],
]

export interface PanelSettings {
  x: XKind
  /** With `x: "metric"`. */
  xMetric: string
  logX: boolean
  logY: boolean
  smoothing: Smoothing
  /** The share of values on either end that the scale may leave out. */
  outliers: number
  /** Runs with the same value of this column are one line with a band; "" for none. */
  group: string
  spread: Spread
}

export const DEFAULT_SETTINGS: PanelSettings = {
  x: "step",
  xMetric: "",
  logX: false,
  logY: false,
  smoothing: { kind: "none" },
  outliers: 0,
  group: "",
  spread: "std",
}

export interface Panel {
  id: string
  kind: PanelKind
  title: string
  /** Metrics, expressions over them, or columns such as `params.lr`, as the kind has it. */
  keys: readonly string[]
  settings: Partial<PanelSettings>
  /** Columns of twelve, and rows. */
  w: number
  h: number
}

export interface Size {
  w: number
  h: number
}

export interface Layout {
  version: 1
  /** What holds for all panels that do not say otherwise. */
  shared: Partial<PanelSettings>
  own: readonly Panel[]
  /** By metric: what differs from a panel that makes itself. */
  auto: Readonly<Record<string, Partial<Size> & { settings?: Partial<PanelSettings> }>>
  /** By section: ids in the order that was chosen; others follow by name. */
  order: Readonly<Record<string, readonly string[]>>
  closed: readonly string[]
  hidden: readonly string[]
}

export const EMPTY_LAYOUT: Layout = {
  version: 1,
  shared: {},
  own: [],
  auto: {},
  order: {},
  closed: [],
  hidden: [],
}

export const COLUMNS = 12
export const DEFAULT_SIZE: Size = { w: 4, h: 3 }
export const OWN = "\u0000own"

/** The layout in *raw*; null when it is none, or of a version that is not known here. */
export function readLayout(raw: unknown): Layout | null {
  if (typeof raw !== "object" || raw === null) return null
  const found = raw as Partial<Layout>
  if (found.version !== 1) return null
  return { ...EMPTY_LAYOUT, ...found }
}

/** The section of a metric: the part of its name before the first slash. */
export function sectionOf(key: string): string {
  const slash = key.indexOf("/")
  return slash > 0 ? key.slice(0, slash) : ""
}

export interface Section {
  name: string
  panels: Panel[]
}

/** All panels, by section: those that people made first, system metrics last. */
export function sectionsOf(layout: Layout, metrics: readonly string[]): Section[] {
  const sections = new Map<string, Panel[]>()
  if (layout.own.length > 0) sections.set(OWN, [...layout.own])
  const hidden = new Set(layout.hidden)
  for (const key of metrics) {
    const id = autoId(key)
    if (hidden.has(id)) continue
    const name = sectionOf(key)
    const panels = sections.get(name) ?? []
    panels.push(autoPanel(layout, key))
    sections.set(name, panels)
  }
  return [...sections]
    .map(([name, panels]) => ({ name, panels: inOrder(panels, layout.order[name]) }))
    .sort((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name))
}

const rank = (name: string) => (name === OWN ? 0 : name === "system" ? 2 : 1)

export const autoId = (key: string) => `metric:${key}`

function autoPanel(layout: Layout, key: string): Panel {
  const { settings = {}, ...size } = layout.auto[key] ?? {}
  return {
    id: autoId(key),
    kind: "line",
    title: key,
    keys: [key],
    settings,
    ...DEFAULT_SIZE,
    ...size,
  }
}

function inOrder(panels: Panel[], order: readonly string[] = []): Panel[] {
  if (order.length === 0) return panels
  const place = new Map(order.map((id, at) => [id, at]))
  const at = ({ id }: Panel) => place.get(id) ?? Number.POSITIVE_INFINITY
  return panels
    .map((panel, index) => ({ panel, index }))
    .sort((a, b) => at(a.panel) - at(b.panel) || a.index - b.index || 0)
    .map(({ panel }) => panel)
}

/** *id* stands before *target* from now on; null: at the end. */
export function moved(layout: Layout, section: Section, id: string, target: string | null): Layout {
  const ids = section.panels.map((panel) => panel.id).filter((one) => one !== id)
  const at = target === null ? ids.length : ids.indexOf(target)
  ids.splice(at < 0 ? ids.length : at, 0, id)
  return { ...layout, order: { ...layout.order, [section.name]: ids } }
}

export function resized(layout: Layout, panel: Panel, size: Size): Layout {
  const w = Math.max(2, Math.min(COLUMNS, Math.round(size.w)))
  const h = Math.max(2, Math.min(12, Math.round(size.h)))
  return changed(layout, panel, { w, h })
}

/** A panel of one's own is changed itself; of one that makes itself the difference is kept. */
export function changed(layout: Layout, panel: Panel, change: Partial<Panel>): Layout {
  if (layout.own.some(({ id }) => id === panel.id)) {
    const own = layout.own.map((one) => (one.id === panel.id ? { ...one, ...change } : one))
    return { ...layout, own }
  }
  const [key = ""] = panel.keys
  const { w = panel.w, h = panel.h, settings = panel.settings } = change
  return { ...layout, auto: { ...layout.auto, [key]: { w, h, settings } } }
}

export function added(layout: Layout, panel: Omit<Panel, "id">): Layout {
  const numbers = layout.own.map(({ id }) => Number(id.replace("own:", ""))).filter(Number.isFinite)
  const id = `own:${Math.max(0, ...numbers) + 1}`
  return { ...layout, own: [...layout.own, { ...panel, id }] }
}

export function duplicated(layout: Layout, { id: _, ...panel }: Panel): Layout {
  return added(layout, { ...panel, title: `${panel.title} (copy)` })
}

export function removed(layout: Layout, { id }: Panel): Layout {
  if (layout.own.some((panel) => panel.id === id)) {
    return { ...layout, own: layout.own.filter((panel) => panel.id !== id) }
  }
  return { ...layout, hidden: [...layout.hidden, id] }
}

export function toggled(layout: Layout, section: string): Layout {
  const isClosed = layout.closed.includes(section)
  const closed = isClosed
    ? layout.closed.filter((name) => name !== section)
    : [...layout.closed, section]
  return { ...layout, closed }
}

export function settingsOf(layout: Layout, panel: Panel): PanelSettings {
  return { ...DEFAULT_SETTINGS, ...layout.shared, ...panel.settings }
}
