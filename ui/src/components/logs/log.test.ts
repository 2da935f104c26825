import { expect, test } from "vitest"
import { pieces } from "./ansi"
import { folderOf, logsOf } from "./log"

const file = (path: string) => ({ path, is_dir: false, file_size: 1 })
const folder = (path: string) => ({ path, is_dir: true })

test("UI-101: logs are found by their names, and what the client kept is first", () => {
  const top = [file("a.txt"), file("train.log"), file("stderr"), folder("logs"), folder("b.log")]
  const inside = [file("logs/any"), folder("logs/events"), folder("logs/output.log")]

  expect(folderOf(top)).toBe("logs")
  expect(logsOf(top, inside).map(({ path }) => path)).toEqual([
    "b.log",
    "logs/output.log",
    "train.log",
    "stderr",
    "logs/any",
  ])
})

test.each([
  ["plain", [{ text: "plain" }]],
  ["", [{ text: "" }]],
  ["\x1b[31mred\x1b[0m then", [{ text: "red", colour: "red" }, { text: " then" }]],
  [
    "\x1b[1;32mok\x1b[22m ok",
    [
      { text: "ok", bold: true, colour: "green" },
      { text: " ok", colour: "green" },
    ],
  ],
  ["\x1b[91mbright\x1b[39m.", [{ text: "bright", colour: "red" }, { text: "." }]],
  [
    "\x1b[38;5;196mx\x1b[48;5;4;3my",
    [
      { text: "x", colour: "red" },
      { text: "y", colour: "red", italic: true },
    ],
  ],
  ["\x1b[38;2;0;200;255mx", [{ text: "x", colour: "cyan" }]],
  ["\x1b[38:2:0:10:0mx", [{ text: "x", colour: "green" }]],
  ["\x1b[38;5;240mgrey", [{ text: "grey", colour: "white" }]],
  ["\x1b[mreset\x1b[7mlast", [{ text: "reset" }, { text: "last" }]],
])("colours of %j", (line, found) => {
  expect(pieces(line)).toEqual(found)
})

test.each([
  ["a\x1b[2K\x1b[1Ab", "ab"],
  ["\x1b]0;title\x07a", "a"],
  ["\x1b]8;;https://elsewhere.example\x1b\\link\x1b]8;;\x1b\\", "link"],
  ["\x1b(Ba\x1b", "a"],
  ["a\x00\x08\x7fb\tc", "ab\tc"],
  ["\x1b[31m<b>x</b>", "<b>x</b>"],
  ["\x1b[999;31", ""],
])("what else is in %j is left out", (line, text) => {
  expect(
    pieces(line)
      .map((piece) => piece.text)
      .join(""),
  ).toBe(text)
})
