import { expect, test } from "vitest"
import { strokeOf } from "../lib/colours"
import TOKENS from "./tokens.css?raw"

const GROUNDS = ["--ground", "--surface", "--raised", "--sunken", "--hover", "--selected"]

/** Light and dark of a token; of each theme that says it. */
function said(token: string): [string, string][] {
  const found = TOKENS.matchAll(new RegExp(`${token}: light-dark\\((#\\w+), (#\\w+)\\)`, "g"))
  return [...found].map(([, light = "", dark = ""]) => [light, dark])
}

/** As WCAG 2.2 has it. */
function contrast(one: string, other: string): number {
  const [high = 0, low = 0] = [one, other].map(luminance).sort((a, b) => b - a)
  return (high + 0.05) / (low + 0.05)
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/** All strokes that runs can have. */
const STROKES = [
  ...new Map(
    Array.from({ length: 2_000 }, (_, at) => strokeOf(`run-${at}`)).map((one) => [one.light, one]),
  ).values(),
]

test("UI-080: every colour of a run has 3:1 on every ground, in every theme", () => {
  const grounds = GROUNDS.flatMap(said)
  expect([STROKES.length, grounds.length]).toEqual([24, 12])
  for (const [light, dark] of grounds) {
    for (const stroke of STROKES) {
      expect(contrast(stroke.light, light), `${stroke.light} on ${light}`).toBeGreaterThanOrEqual(3)
      expect(contrast(stroke.dark, dark), `${stroke.dark} on ${dark}`).toBeGreaterThanOrEqual(3)
    }
  }
})

test("UI-080: colours are told apart, and the same id has the same one", () => {
  expect(new Set(STROKES.map(({ dark }) => dark))).toHaveProperty("size", 24)
  expect(strokeOf("a")).toEqual(strokeOf("a"))
})
