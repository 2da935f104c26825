import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { ask, call, reachable } from "./client"

const LIMIT_MS = 1_000
let body: ReadableStreamDefaultController<Uint8Array>

/** A server that answers when it is told to, with what it is given. */
function server(): (status?: number) => void {
  let answer: (response: Response) => void = () => undefined
  vi.stubGlobal("fetch", (_: string, { signal }: RequestInit) => {
    return new Promise<Response>((resolve, reject) => {
      answer = resolve
      signal?.addEventListener("abort", () => {
        reject(signal.reason as Error)
        body?.error(signal.reason)
      })
    })
  })
  const pieces = new ReadableStream<Uint8Array>({
    start(to) {
      body = to
    },
  })
  return (status = 200) => answer(new Response(status === 304 ? null : pieces, { status }))
}

const piece = (text: string) => body.enqueue(new TextEncoder().encode(text))
const rest = (ms: number) => vi.advanceTimersByTimeAsync(ms)

beforeEach(() => vi.useFakeTimers())
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test("UI-190: a server that says nothing is given up, and is not taken for gone", async () => {
  server()
  const failed = expect(ask("/a", {}, undefined, LIMIT_MS)).rejects.toMatchObject({
    message: "The server did not answer within 1 seconds.",
    isTimeout: true,
  })

  await rest(LIMIT_MS)

  await failed
  expect(reachable.get()).toBe(true)
})

test("UI-190: an answer may take as long as it likes, so long as something comes of it", async () => {
  const answers = server()
  const asked = ask("/a", {}, undefined, LIMIT_MS).then(async (response) => response.text())

  await rest(LIMIT_MS - 1)
  answers()
  for (const text of ["a", "b", "c"]) {
    await rest(LIMIT_MS - 1)
    piece(text)
  }
  body.close()

  expect(await asked).toBe("abc")
  await rest(2 * LIMIT_MS)
})

test("UI-190: an answer that stops half way is given up, too", async () => {
  const answers = server()
  const asked = ask("/a", {}, undefined, LIMIT_MS).then(async (response) => response.text())
  const failed = expect(asked).rejects.toMatchObject({ isTimeout: true })
  answers()
  await rest(0)
  piece("a")

  await rest(LIMIT_MS)

  await failed
})

test("what has not changed since is an answer without a body", async () => {
  const answers = server()
  const asked = ask("/a", {}, undefined, LIMIT_MS)

  answers(304)

  expect((await asked).status).toBe(304)
})

test("UI-190: what is to be done is waited for ten minutes, a question half of one", async () => {
  server()
  const done = vi.fn()
  void call("restoreRun", { run_id: "r" }).catch(done)
  const asked = call("getRun", { run_id: "r" }, { signal: new AbortController().signal })
  const failed = expect(asked).rejects.toMatchObject({
    message: "The server did not answer within 30 seconds.",
  })

  await rest(30_000)

  await failed
  await rest(569_999)
  expect(done).not.toHaveBeenCalled()
  await rest(1)
  expect(done).toHaveBeenCalledOnce()
})
