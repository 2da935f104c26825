import { expect, test } from "vitest"
import { turns } from "./turns"

/** Work that ends when it is told to. */
function piece() {
  const { promise, resolve } = Promise.withResolvers<string>()
  let isBegun = false
  return {
    work: () => {
      isBegun = true
      return promise
    },
    end: resolve,
    isBegun: () => isBegun,
  }
}

const wanted = new AbortController().signal
const settled = () => new Promise((resolve) => setTimeout(resolve))

test("the third of two at once waits for its turn", async () => {
  const take = turns(2)
  const [a, b, c] = [piece(), piece(), piece()]
  const all = [a, b, c].map(({ work }) => take(work, wanted))
  await settled()
  expect([a, b, c].map(({ isBegun }) => isBegun())).toEqual([true, true, false])

  b.end("second")
  await settled()
  expect(c.isBegun()).toBe(true)
  a.end("first")
  c.end("third")
  expect(await Promise.all(all)).toEqual(["first", "second", "third"])
})

test("what is no longer wanted is not begun, and what failed leaves its place", async () => {
  const take = turns(1)
  const [a, b, c] = [piece(), piece(), piece()]
  const gone = new AbortController()
  const broken = async () => {
    await a.work()
    throw new Error("broken")
  }
  const all = [take(broken, wanted), take(b.work, gone.signal), take(c.work, wanted)]
  gone.abort()
  a.end("")
  c.end("third")

  const outcomes = (await Promise.allSettled(all)).map(({ status }) => status)
  expect(outcomes).toEqual(["rejected", "rejected", "fulfilled"])
  expect([b.isBegun(), c.isBegun()]).toEqual([false, true])
})
