import { createHash, generateKeyPairSync, sign } from "node:crypto"
import { expect, test } from "vitest"
import type { AuditChainReply } from "../../api/generated"
import { verify } from "./verify"

/** A chain as the format describes it, made with other means than those that check it. */
function chain(texts: readonly string[]): Required<AuditChainReply> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519")
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32)
  const key_id = createHash("sha256").update(raw).digest("hex")
  let previous = Buffer.alloc(32)
  const entries = texts.map((text, at) => {
    previous = createHash("sha256").update(previous).update(text).digest()
    return { seq: at + 1, text, hash: previous.toString("hex") }
  })
  const head = { at_ms: 7, hash: previous.toString("hex"), key_id, seq: texts.length }
  const signature = sign(
    null,
    Buffer.from(`millrace audit head\n${JSON.stringify(head)}`),
    privateKey,
  )
  return {
    entries,
    heads: [{ ...head, signature: signature.toString("hex") }],
    keys: [{ key_id, public_key: raw.toString("hex") }],
  }
}

const TEXTS = [1, 2, 3, 4].map((seq) => `{"action":"thing.set","seq":${seq}}`)

/** Two entries a page, as a server with little patience would. */
const paged = (all: Required<AuditChainReply>) => async (after: number) => ({
  ...all,
  entries: all.entries.filter(({ seq }) => seq > after).slice(0, 2),
})

test("UI-128: a chain that nobody touched is intact, over all its pages", async () => {
  const verdict = await verify(paged(chain(TEXTS)), () => undefined)

  expect(verdict).toMatchObject({ entries: 4, heads: 1, problem: null })
})

type Chain = Required<AuditChainReply>

const HARMS: [string, number, (all: Chain) => Chain][] = [
  [
    "a changed byte",
    2,
    (all) => ({
      ...all,
      entries: all.entries.map((one) =>
        one.seq === 2 ? { ...one, text: one.text.replace("set", "sat") } : one,
      ),
    }),
  ],
  [
    "a removed entry",
    3,
    (all) => ({ ...all, entries: all.entries.filter(({ seq }) => seq !== 3) }),
  ],
  ["an end that was cut off", 4, (all) => ({ ...all, entries: all.entries.slice(0, 3) })],
]

test.each(HARMS)("UI-128: %s is named", async (_, seq, harm) => {
  const verdict = await verify(paged(harm(chain(TEXTS))), () => undefined)

  expect(verdict.problem?.seq).toBe(seq)
})

test("a chain that was written anew does not fit its signed head", async () => {
  const old = chain(TEXTS)
  const { entries } = chain(TEXTS.map((text) => text.replace("set", "sat")))

  expect((await verify(paged({ ...old, entries }), () => undefined)).problem?.seq).toBe(4)
})

test("a signature by another key is not taken", async () => {
  const all = chain(TEXTS)
  const other = chain(TEXTS)
  const [head] = other.heads
  const heads = all.heads.map((one) => ({ ...one, signature: head?.signature ?? "" }))

  expect((await verify(paged({ ...all, heads }), () => undefined)).problem?.text).toContain(
    "signature",
  )
})
