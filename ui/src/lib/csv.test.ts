import { expect, it } from "vitest"
import { csvLine } from "./csv"
import { parseCsv } from "./read-csv"

it("writes what a spreadsheet would run as text", () => {
  expect(csvLine(["=1+1", "@x", "-2.5", "+3", "-a", "plain"])).toBe(
    "'=1+1,'@x,-2.5,+3,'-a,plain\r\n",
  )
})

it("is read as it was written", () => {
  const cells = ['a "quoted" word', "a, b", "two\nlines", ""]
  expect(parseCsv(csvLine(cells), ",")).toEqual([cells])
})

it("reads both kinds of line ends, and a last line without one", () => {
  expect(parseCsv("a,b\r\n1,2\n3,", ",")).toEqual([["a", "b"], ["1", "2"], ["3", ""]]) // prettier-ignore
})
