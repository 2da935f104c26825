import { expect, test } from "vitest"
import { strokeOf, strokesOf } from "../lib/colours"
import { palette, type Palette } from "../lib/prefs"
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
  const [red = 0, green = 0, blue = 0] = linear(colour)
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function linear(colour: string): number[] {
  return [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
}

/** What is left of a colour for who lacks a kind of cones, in linear RGB: Machado, Oliveira and
 * Fernandes, "A Physiologically-based Model for Simulation of Color Vision Deficiency", 2009. */
const SIGHTS: Record<string, readonly number[][]> = {
  usual: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  "without red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  "without green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  "without blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
} // prettier-ignore

/** Into OKLab, where as far apart looks as different: B. Ottosson, 2020. */
const TO_CONES = [
  [0.4122214708, 0.5363325363, 0.0514459929],
  [0.2119034982, 0.6806995451, 0.1073969566],
  [0.0883024619, 0.2817188376, 0.6299787005],
]
const TO_LAB = [
  [0.2104542553, 0.793617785, -0.0040720468],
  [1.9779984951, -2.428592205, 0.4505937099],
  [0.0259040371, 0.7827717662, -0.808675766],
]

function times(matrix: readonly number[][], vector: readonly number[]): number[] {
  return matrix.map((row) => row.reduce((sum, part, at) => sum + part * (vector[at] ?? 0), 0))
}

function seen(colour: string, sight: readonly number[][]): number[] {
  const left = times(sight, linear(colour)).map((part) => Math.min(Math.max(part, 0), 1))
  return times(TO_LAB, times(TO_CONES, left).map(Math.cbrt))
}

/** How far the two colours of a set that look most alike are apart. */
function closest(colours: readonly string[], sight: readonly number[][]): number {
  const places = colours.map((one) => seen(one, sight))
  return Math.min(
    ...places.flatMap((one, at) =>
      places.slice(at + 1).map((two) => Math.hypot(...one.map((part, n) => part - (two[n] ?? 0)))),
    ),
  )
}

/** How many colours, and how far they are apart at least for the usual sight, and for others. About
 * 0.02 is the least that is seen side by side. */
const SETS: readonly [Palette, number, number, number][] = [
  ["many", 24, 0.07, 0.035],
  ["few", 8, 0.15, 0.075],
]

test.each(SETS)("UI-080: every colour of %s has 3:1 on every ground", (name, size) => {
  const grounds = GROUNDS.flatMap(said)
  const strokes = strokesOf(name)
  expect([strokes.length, grounds.length]).toEqual([size, 12])
  for (const [light, dark] of grounds) {
    for (const stroke of strokes) {
      expect(contrast(stroke.light, light), `${stroke.light} on ${light}`).toBeGreaterThanOrEqual(3)
      expect(contrast(stroke.dark, dark), `${stroke.dark} on ${dark}`).toBeGreaterThanOrEqual(3)
    }
  }
})

test.each(SETS)("colours of %s are told apart by every sight", (name, _size, usual, other) => {
  for (const [sight, matrix] of Object.entries(SIGHTS)) {
    for (const theme of ["light", "dark"] as const) {
      const apart = closest(
        strokesOf(name).map((one) => one[theme]),
        matrix,
      )
      expect(apart, `${theme}, ${sight}`).toBeGreaterThanOrEqual(sight === "usual" ? usual : other)
    }
  }
})

test.each(SETS)("an id has the same one of all colours of %s", (name, size) => {
  palette.set(name)
  const found = Array.from({ length: 2_000 }, (_, at) => strokeOf(`run-${at}`))

  expect(new Set(found.map(({ light }) => light))).toHaveProperty("size", size)
  expect(strokeOf("run-7")).toEqual(found[7])
})
