/** The colour of a run: the same on every page, chosen by its id, with a dash as second channel. */

// Twelve hues around the circle, each told apart from its neighbours by lightness as well, so that
// the common colour deficiencies leave them distinct; both sets keep 3:1 on their ground.
const LIGHT = [
  "#0b6e99", "#b3470c", "#1f7a3f", "#8a3ffc", "#a11d48", "#5b6b00",
  "#0a6d6d", "#c02d9c", "#7a4a1d", "#3454d1", "#946300", "#4a5568",
  "#136f63", "#d1374b", "#2f6f0f", "#6a2fb5", "#b5226f", "#5d5a00",
  "#00688b", "#9a2fb0", "#8f3c14", "#1c49b8", "#7d6608", "#37474f",
] // prettier-ignore
const DARK = [
  "#56b4e9", "#f39c57", "#63c77f", "#b79cff", "#ff86a0", "#c5d24a",
  "#4fc9c0", "#f58ad7", "#d3a37a", "#8aa4ff", "#e6b94d", "#aebac9",
  "#5cc9b7", "#ff8f88", "#96d36a", "#cfa6ff", "#ff9ac4", "#d8d360",
  "#6cc4f0", "#e39af2", "#eba27c", "#9bb8ff", "#dcc05a", "#b5c4cc",
] // prettier-ignore
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
  const at = number % LIGHT.length
  return {
    light: LIGHT[at] ?? "",
    dark: DARK[at] ?? "",
    dash: DASHES[Math.floor(number / LIGHT.length) % DASHES.length] ?? [],
  }
}

/** As a CSS colour that follows the theme. */
export function colourOf(id: string): string {
  const { light, dark } = strokeOf(id)
  return `light-dark(${light}, ${dark})`
}
