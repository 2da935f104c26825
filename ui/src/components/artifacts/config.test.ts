import { expect, test } from "vitest"
import { readConfig } from "./config"

test("YAML is read by its types, and several documents are a list", () => {
  const text = "lr: 1e-3\nlayers: [64, 32]\nbase: &b {size: 3}\nhead: *b\n"
  expect(readConfig(text, "conf.yaml")).toEqual({
    value: { lr: 0.001, layers: [64, 32], base: { size: 3 }, head: { size: 3 } },
  })
  expect(readConfig("a: 1\n---\na: 2\n", "two.yml")).toEqual({ value: [{ a: 1 }, { a: 2 }] })
})

test("TOML is read by its types; times are text", () => {
  const text = "[tool.x]\nname = 'y'\nat = 2026-01-02T03:04:05Z\n"
  expect(readConfig(text, "pyproject.toml")).toEqual({
    value: { tool: { x: { name: "y", at: "2026-01-02T03:04:05.000Z" } } },
  })
})

test("what is broken, or a bomb of references, is no value", () => {
  expect(readConfig("a: [1, 2", "conf.yaml")).toBeNull()
  expect(readConfig("a = ", "conf.toml")).toBeNull()
  const bomb = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
  for (const [of, to] of ["ab", "bc", "cd"]) {
    bomb.push(`${to}: &${to} [${Array(10).fill(`*${of}`).join(", ")}]`)
  }
  expect(readConfig(bomb.join("\n"), "bomb.yaml")).toBeNull()
})
