import { describe, expect, it } from "vitest"
import { joined, keyed, parsed, place, without } from "./filter"

const mistakeOf = (text: string) => {
  const found = parsed(text)
  return found.kind === "mistake"
    ? [text.slice(found.mistake.from, found.mistake.to), found.mistake.message]
    : null
}

describe("what a query means", () => {
  it.each([
    "metrics.loss < 0.3",
    "metrics.`val/loss`.min <= 1e-3 AND params.optimizer = 'adam'",
    "tags.`release note` IS NOT NULL",
    "params.lr BETWEEN 0.001 AND 0.1 OR NOT status = 'FAILED'",
    "(run_name LIKE 'a%' OR run_name rlike '^b') and tags.team in ('x', \"y\")",
    "params.lr NOT IN (1, 2, 3)",
    "dataset.name = 'imagenet'",
    "attributes.start_time >= 1735689600000",
  ])("takes %s", (text) => {
    expect(parsed(text).kind).toBe("filter")
  })

  it.each([
    ["metrics.loss <", "<", "A value is missing"],
    ["metrics.loss 3", "3", "is no operator"],
    ["metrics.loss < low", "low", "stands in quotes"],
    ["metric_loss < 3", "metric_loss", "needs its kind"],
    ["metric.loss < 3 params.a = 1", "params.a", "join comparisons"],
    ["(metrics.loss < 3", "(", "never closed"],
    ["params.a = 'x", "'", "quote is never closed"],
    ["params.a IS 3", "3", "IS is followed by"],
    ["params.a LIKE 3", "3", "a text in quotes"],
    ["params.a IN 3", "3", "in brackets"],
    ["foo.bar = 3", "foo.bar", "is no kind of key"],
  ])("marks the mistake in %s", (text, marked, said) => {
    const [at, message] = mistakeOf(text) ?? []
    expect(at).toBe(marked)
    expect(message).toContain(said)
  })

  it("seeks plain words", () => {
    expect(parsed("amused fox 12")).toEqual({ kind: "words", text: "amused fox 12" })
  })
})

describe("chips", () => {
  it("are the comparisons that AND joins, and none when there is more", () => {
    const found = parsed("params.a = 1 AND metrics.b > 2")
    expect(found.kind === "filter" && found.chips.map(({ text }) => text)).toEqual([
      "params.a = 1",
      "metrics.b > 2",
    ])
    const other = parsed("params.a = 1 OR metrics.b > 2")
    expect(other.kind === "filter" && other.chips).toEqual([])
  })

  it("leave with the AND that joined them", () => {
    const text = "params.a = 1 AND metrics.b > 2 AND tags.c = 'x'"
    const found = parsed(text)
    const chips = found.kind === "filter" ? found.chips : []
    expect(chips.map((chip) => without(text, chip))).toEqual([
      "metrics.b > 2 AND tags.c = 'x'",
      "params.a = 1 AND tags.c = 'x'",
      "params.a = 1 AND metrics.b > 2",
    ])
  })

  it("join what is there, in brackets where OR would bind otherwise", () => {
    expect(joined("", "a = 1")).toBe("a = 1")
    expect(joined("params.a = 1 OR params.b = 2", "params.c = 3")).toBe(
      "(params.a = 1 OR params.b = 2) AND params.c = 3",
    )
  })
})

describe("the place of the cursor", () => {
  it.each([
    ["", "entity"],
    ["met", "entity"],
    ["metrics.lo", "key"],
    ["params.lr ", "operator"],
    ["params.lr = ", "value"],
    ["params.lr = 'a", null],
    ["params.lr = 'a' ", "join"],
    ["params.lr = 'a' AND ", "entity"],
  ])("%j wants %s", (text, wanted) => {
    expect(place(text, text.length)?.wants.kind ?? null).toBe(wanted)
  })
})

it("quotes keys that are no plain words", () => {
  expect(keyed("metrics", "loss")).toBe("metrics.loss")
  expect(keyed("metrics", "val/loss")).toBe("metrics.`val/loss`")
  expect(keyed("metrics", "loss.min")).toBe("metrics.`loss.min`")
})
