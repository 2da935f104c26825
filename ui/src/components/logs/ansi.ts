/** What programs colour for terminals, as pieces of text: nothing of it is ever taken for markup. */

export const COLOURS = [
  "black",
  "red",
  "green",
  "yellow",
  "blue",
  "magenta",
  "cyan",
  "white",
] as const
export type Colour = (typeof COLOURS)[number]

export interface Look {
  colour?: Colour
  bold?: true
  faint?: true
  italic?: true
  underlined?: true
}

export interface Piece extends Look {
  text: string
}

// Escape sequences: with parameters (CSI), of the operating system (OSC: titles, links), others.
const ESCAPE = /\x1b(?:\[([0-?]*)[ -/]*([@-~])?|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])?/g
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/g

/** The text of a line as it is seen, in pieces that look alike. */
export function pieces(line: string): Piece[] {
  if (!line.includes("\x1b")) return [{ text: line.replace(CONTROL, "") }]
  const found: Piece[] = []
  let look: Look = {}
  let from = 0
  const add = (text: string) => {
    const seen = text.replace(CONTROL, "")
    if (seen) found.push({ text: seen, ...look })
  }
  for (const match of line.matchAll(ESCAPE)) {
    add(line.slice(from, match.index))
    from = match.index + match[0].length
    if (match[2] === "m") look = changed(look, match[1] ?? "")
  }
  add(line.slice(from))
  return found.length > 0 ? found : [{ text: "" }]
}

/** A look after the codes of a sequence. */
function changed(look: Look, codes: string): Look {
  let next = { ...look }
  const list = codes.split(/[;:]/).map(Number)
  for (let at = 0; at < list.length; at++) {
    const code = list[at] ?? 0
    if (code === 0) next = {}
    else if (code === 1) next.bold = true
    else if (code === 2) next.faint = true
    else if (code === 3) next.italic = true
    else if (code === 4) next.underlined = true
    else if (code === 22) next = without(next, "bold", "faint")
    else if (code === 23) next = without(next, "italic")
    else if (code === 24) next = without(next, "underlined")
    else if (code === 39) next = without(next, "colour")
    else if (code >= 30 && code <= 37) next.colour = COLOURS[code - 30] ?? "white"
    else if (code >= 90 && code <= 97) next.colour = COLOURS[code - 90] ?? "white"
    else if (code === 38 || code === 48) {
      const [colour, length] = given(list.slice(at + 1))
      if (colour && code === 38) next.colour = colour
      at += length
    }
  }
  return next
}

function without(look: Look, ...keys: (keyof Look)[]): Look {
  return Object.fromEntries(
    Object.entries(look).filter(([key]) => !keys.includes(key as keyof Look)),
  )
}

/** One of 256 colours, or red, green and blue: the nearest that themes can show; how many codes. */
function given([kind, first = 0, second = 0, third = 0]: number[]): [Colour | null, number] {
  if (kind === 2) return [nearest(first, second, third), 4]
  if (kind !== 5) return [null, 0]
  if (first < 16) return [COLOURS[first % 8] ?? null, 2]
  if (first >= 232) return ["white", 2]
  const cube = first - 16
  return [nearest(Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6), 2]
}

function nearest(red: number, green: number, blue: number): Colour {
  const most = Math.max(red, green, blue)
  if (most === 0 || Math.min(red, green, blue) > most * 0.75) return "white"
  const bits = [red, green, blue].map((part) => Number(part > most * 0.6))
  return COLOURS[(bits[0] ?? 0) + 2 * (bits[1] ?? 0) + 4 * (bits[2] ?? 0)] ?? "white"
}
