import { describe, expect, test } from "vitest"
import { began, did, redone, undone } from "./history"
import {
  added,
  changed,
  duplicated,
  EMPTY_LAYOUT,
  moved,
  OWN,
  readLayout,
  removed,
  resized,
  sectionsOf,
  settingsOf,
  type Layout,
} from "./layout"

const KEYS = ["loss", "train/a", "train/b", "val/a", "system/cpu"]

function panelOf(layout: Layout, title: string) {
  const found = sectionsOf(layout, KEYS)
    .flatMap(({ panels }) => panels)
    .find((panel) => panel.title === title)
  if (!found) throw new Error(`No panel ${title}`)
  return found
}

describe("sections", () => {
  test("metrics stand by the part before the first slash, those of the system last", () => {
    const names = sectionsOf(EMPTY_LAYOUT, KEYS).map(({ name }) => name)

    expect(names).toEqual(["", "train", "val", "system"])
  })

  test("own panels come first, and copies are own panels", () => {
    const layout = duplicated(EMPTY_LAYOUT, panelOf(EMPTY_LAYOUT, "train/a"))

    const [first] = sectionsOf(layout, KEYS)
    expect(first?.name).toBe(OWN)
    expect(first?.panels.map(({ title, keys }) => [title, keys])).toEqual([
      ["train/a (copy)", ["train/a"]],
    ])
  })
})

describe("UI-070: changes of the layout", () => {
  test("a panel is moved before another, and back by undo", () => {
    const [, train] = sectionsOf(EMPTY_LAYOUT, KEYS)
    if (!train) throw new Error("No section")
    const layout = moved(EMPTY_LAYOUT, train, "metric:train/b", "metric:train/a")
    const history = did(began(EMPTY_LAYOUT), layout)

    const order = (of: Layout) => sectionsOf(of, KEYS)[1]?.panels.map(({ title }) => title)
    expect(order(layout)).toEqual(["train/b", "train/a"])
    expect(order(undone(history).present)).toEqual(["train/a", "train/b"])
    expect(order(redone(undone(history)).present)).toEqual(["train/b", "train/a"])
  })

  test("sizes stay between two and twelve columns", () => {
    const layout = resized(EMPTY_LAYOUT, panelOf(EMPTY_LAYOUT, "loss"), { w: 40, h: 0 })

    expect(panelOf(layout, "loss")).toMatchObject({ w: 12, h: 2 })
  })

  test("fifty steps are kept", () => {
    let history = began(0)
    for (let step = 1; step <= 80; step++) history = did(history, step)
    for (let step = 0; step < 80; step++) history = undone(history)

    expect(history.present).toBe(30)
  })

  test("a panel's own settings win over those of all", () => {
    const shared: Layout = { ...EMPTY_LAYOUT, shared: { logY: true, x: "time" } }
    const layout = changed(shared, panelOf(shared, "loss"), { settings: { logY: false } })

    expect(settingsOf(layout, panelOf(layout, "loss"))).toMatchObject({ logY: false, x: "time" })
    expect(settingsOf(layout, panelOf(layout, "val/a"))).toMatchObject({ logY: true })
  })

  test("own panels go for good, those that make themselves are hidden", () => {
    const own = added(EMPTY_LAYOUT, { ...panelOf(EMPTY_LAYOUT, "loss"), title: "mine" })
    const layout = removed(removed(own, panelOf(own, "mine")), panelOf(own, "val/a"))

    expect(layout.own).toEqual([])
    expect(sectionsOf(layout, KEYS).map(({ name }) => name)).toEqual(["", "train", "system"])
  })

  test("a layout of another version is none", () => {
    expect(readLayout({ version: 2 })).toBeNull()
    expect(readLayout("x")).toBeNull()
    expect(readLayout({ version: 1, closed: ["a"] })).toMatchObject({ closed: ["a"], own: [] })
  })
})
