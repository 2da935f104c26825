/** The colour of a run: the same on every page, chosen by its id, with a dash as second channel. */

import { palette, type Palette } from "./prefs"

// Both sets keep 3:1 on every ground of every theme, and their colours stay apart for whoever sees
// without one of the three kinds of cones (`ui/palette.test.ts`): the fewer, the further.
const PALETTES: Record<Palette, { light: readonly string[]; dark: readonly string[] }> = {
  many: {
    light: [
  "#ca567b", "#4a0f13", "#9d5551", "#852b2a", "#7e5417", "#92820b",
  "#464901", "#667409", "#416838", "#114109", "#28904b", "#367f6a",
  "#4476d2", "#1753d3", "#030783", "#5a28be", "#47236b", "#816a9f",
  "#894997", "#3a0b3d", "#bc51b3", "#8d1c7c", "#723c61", "#681341",
  ],
    dark: [
  "#fb5e92", "#f57d7c", "#d66661", "#fbb4ae", "#f4a005", "#ecd537",
  "#9ca222", "#bcca8b", "#b4fea4", "#4a983d", "#48b669", "#3af9ca",
  "#4f85ea", "#9abbf8", "#7ba0f3", "#9083d4", "#b49cd6", "#b367fe",
  "#e47dfa", "#fbbafe", "#f997ee", "#dd59c6", "#bf7faa", "#de9fb9",
  ],
  },
  few: {
    light: [
  "#783d00", "#858117", "#0f3406", "#1d684c", "#223592", "#7810c3",
  "#bb44dd", "#b3376f",
  ],
    dark: [
  "#d17112", "#faf8a8", "#75a06c", "#6edcae", "#8fa9f6", "#af66fc",
  "#f2cbfe", "#e285a8",
  ],
  },
} // prettier-ignore
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3]]

export interface Stroke {
  light: string
  dark: string
  /** As `setLineDash` takes it. */
  dash: readonly number[]
}

/** FNV-1a: the same everywhere and for ever. */
function hash(text: string): number {
  let found = 0x811c9dc5
  for (let at = 0; at < text.length; at++) {
    found = Math.imul(found ^ text.charCodeAt(at), 0x01000193)
  }
  return found >>> 0
}

export function strokeOf(id: string): Stroke {
  const number = hash(id)
  const { light, dark } = PALETTES[palette.get()]
  const at = number % light.length
  return {
    light: light[at] ?? "",
    dark: dark[at] ?? "",
    dash: DASHES[Math.floor(number / light.length) % DASHES.length] ?? [],
  }
}

/** Each colour of a palette once, undashed. */
export function strokesOf(name: Palette): readonly Stroke[] {
  const { light, dark } = PALETTES[name]
  return light.map((colour, at) => ({ light: colour, dark: dark[at] ?? "", dash: [] }))
}

/** As a CSS colour that follows the theme. */
export function colourOf(id: string): string {
  const { light, dark } = strokeOf(id)
  return `light-dark(${light}, ${dark})`
}
