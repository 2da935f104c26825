import { describe, expect, it } from "vitest"
import { asRequest, concerns, covers, together } from "./interest"
import { messages, type Told } from "./stream"

const told = (over: Partial<Told>): Told => ({
  type: "run.end",
  topic: "runs",
  id: "r1",
  experiment_id: "1",
  at_ms: 0,
  ...over,
})

describe("one stream for all pages", () => {
  it("asks for the ids of all of them, and for topics besides", () => {
    const ask = together([{ topics: ["approvals"] }, { experiments: ["2", "1"] }, { runs: ["r1"] }])

    expect(asRequest(ask, "7")).toEqual({
      topics: ["approvals", "experiments", "runs"],
      experiment_ids: ["1", "2"],
      run_ids: ["r1"],
      last_event_id: "7",
    })
  })

  it("asks for everything when one page is about everything", () => {
    const ask = together([{ topics: ["runs"] }, { experiments: ["1"] }])

    expect(ask.only).toBeNull()
    expect(covers(ask, together([{ runs: ["r9"] }]))).toBe(true)
  })

  it("asks for everything rather than for more ids than an address holds", () => {
    const runs = Array.from({ length: 500 }, (_, at) => `r${at}`)

    expect(asRequest(together([{ runs }]), undefined).run_ids).toEqual([])
  })

  it("knows when the stream that is open tells enough", () => {
    const held = together([{ experiments: ["1", "2"] }])

    expect(covers(held, together([{ experiments: ["2"] }]))).toBe(true)
    expect(covers(held, together([{ experiments: ["3"] }]))).toBe(false)
    expect(covers(held, together([{ topics: ["runs"] }]))).toBe(false)
  })
})

describe("an event", () => {
  it("concerns pages of its experiment and of its run", () => {
    expect(concerns({ experiments: ["1"] }, told({ type: "run.data" }))).toBe(true)
    expect(concerns({ runs: ["r1"] }, told({}))).toBe(true)
    expect(concerns({ runs: ["r2"], experiments: ["2"] }, told({}))).toBe(false)
  })

  it("of logged values does not concern pages of a topic", () => {
    expect(concerns({ topics: ["runs"] }, told({ type: "run.data" }))).toBe(false)
    expect(concerns({ topics: ["runs"] }, told({}))).toBe(true)
  })

  it("of a reset concerns everybody", () => {
    expect(concerns({ runs: ["r2"] }, told({ type: "reset", topic: "other" }))).toBe(true)
  })
})

describe("messages of a stream", () => {
  it("are put together from pieces, comments passed over", () => {
    const read = messages()

    expect(
      read("retry: 2000\nid: 4\nevent: open\ndata: {}\n\n: alive\n\nid: 5\nevent: ru"),
    ).toEqual([{ id: "4", event: "open", data: "{}" }])
    expect(read('n.end\ndata: {"a":1}\n\n')).toEqual([
      { id: "5", event: "run.end", data: '{"a":1}' },
    ])
  })
})
