import { describe, expect, it } from "vitest"
import { diffLines, hunks } from "./diff"

const marked = (first: string, second: string) =>
  diffLines(first, second).map(
    ({ kind, text }) => `${{ same: " ", added: "+", removed: "-" }[kind]}${text}`,
  )

/** What stands on either side, put together from the difference. */
function sides(first: string, second: string): [string[], string[]] {
  const all = diffLines(first, second)
  return [
    all.filter(({ kind }) => kind !== "added").map(({ text }) => text),
    all.filter(({ kind }) => kind !== "removed").map(({ text }) => text),
  ]
}

describe("the difference of two texts", () => {
  it("is the shortest one", () => {
    expect(
      marked("a\nb\nc\na\nb\nb\na", "c\nb\na\nb\na\nc").filter((one) => !one.startsWith(" ")),
    ).toHaveLength(5)
  })

  it("keeps what is the same", () => {
    expect(marked("x\n1\ny\n", "x\n2\ny\n")).toEqual([" x", "-1", "+2", " y"])
    expect(marked("", "a\nb")).toEqual(["+a", "+b"])
    expect(marked("a\r\nb\r\n", "a\nb\n")).toEqual([" a", " b"])
  })

  it("holds both texts, whatever they are", () => {
    let seed = 7
    const draw = (most: number) => (seed = (seed * 48271) % 2147483647) % most
    const text = () => Array.from({ length: draw(30) }, () => "abcd"[draw(4)]).join("\n")
    for (let round = 0; round < 300; round++) {
      const [first, second] = [text(), text()]
      const [before, after] = sides(first, second)
      expect(before.join("\n")).toBe(first)
      expect(after.join("\n")).toBe(second)
    }
  })

  it("numbers lines as they are in their texts", () => {
    const all = diffLines("a\nb\nc\nd", "a\nc\nx\nd")
    expect(all.map(({ before, after }) => [before, after])).toEqual([
      [1, 1],
      [2, null],
      [3, 2],
      [null, 3],
      [4, 4],
    ])
  })

  it("is shown with a few lines around it", () => {
    const first = Array.from({ length: 30 }, (_, at) => `line ${at}`).join("\n")
    const shown = hunks(diffLines(first, first.replace("line 15", "changed")), 2)
    expect(shown.map((one) => one?.text ?? "…")).toEqual([
      "…", "line 13", "line 14", "line 15", "changed", "line 16", "line 17", "…",
    ]) // prettier-ignore
  })
})
