/** Follows the audit chain here in the browser, by the format that `docs/reference/audit.md` gives. */

import type { AuditChainReply, PublicKey, SignedHead } from "../../api/generated"

export type Read = (after: number) => Promise<AuditChainReply>

export interface Verdict {
  entries: number
  heads: number
  /** Whether this browser can check signatures. */
  hasSignatures: boolean
  /** The first entry or head that is wrong, and how; null: all is intact. */
  problem: { seq: number; text: string } | null
}

const HEAD_LINE = "millrace audit head\n"

/** Check every entry's hash, and every signed head against the chain and its key. */
export async function verify(read: Read, onProgress: (entries: number) => void): Promise<Verdict> {
  let previous = new Uint8Array(32)
  let after = 0
  const heads = new Map<string, SignedHead>()
  const keys = new Map<string, PublicKey>()
  const hashes = new Map<number, string>()
  const verdict: Verdict = { entries: 0, heads: 0, hasSignatures: true, problem: null }
  const wrong = (seq: number, text: string) => ({ ...verdict, problem: { seq, text } })
  for (;;) {
    const { entries = [], ...told } = await read(after)
    for (const head of told.heads ?? []) heads.set(`${head.seq}/${head.signature}`, head)
    for (const key of told.keys ?? []) keys.set(key.key_id, key)
    for (const { seq, text, hash } of entries) {
      if (seq !== after + 1) return wrong(after + 1, `Entry ${after + 1} is missing.`)
      const found = await sha256(joined(previous, new TextEncoder().encode(text)))
      if (hex(found) !== hash) return wrong(seq, `Entry ${seq} was altered, or the one before it.`)
      if (seqOf(text) !== seq) return wrong(seq, `Entry ${seq} stands in the place of another.`)
      previous = found
      hashes.set(seq, hash)
      after = seq
      verdict.entries++
    }
    onProgress(verdict.entries)
    if (entries.length === 0) break
  }
  for (const head of heads.values()) {
    if (head.seq > after)
      return wrong(after + 1, `Entries after ${after} are gone: a head signs ${head.seq}.`)
    if (hashes.get(head.seq) !== head.hash)
      return wrong(head.seq, `The chain was written anew up to entry ${head.seq}.`)
    const key = keys.get(head.key_id)
    if (!key) return wrong(head.seq, `The key of the head at ${head.seq} is not known.`)
    const isGood = await isSigned(head, key)
    if (isGood === null) verdict.hasSignatures = false
    if (isGood === false)
      return wrong(head.seq, `The signature of the head at ${head.seq} is not right.`)
    verdict.heads++
  }
  return verdict
}

/** null: this browser does not know Ed25519. */
async function isSigned(
  head: SignedHead,
  { key_id, public_key }: PublicKey,
): Promise<boolean | null> {
  const raw = bytes(public_key)
  if (hex(await sha256(raw)) !== key_id) return false
  // Canonical JSON: keys sorted, no blanks.
  const { at_ms, hash, seq } = head
  const signed = JSON.stringify({ at_ms, hash, key_id: head.key_id, seq })
  try {
    const key = await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"])
    const line = new TextEncoder().encode(HEAD_LINE + signed)
    return await crypto.subtle.verify("Ed25519", key, bytes(head.signature), line)
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") return null
    throw error
  }
}

function seqOf(text: string): number {
  try {
    return (JSON.parse(text) as { seq: number }).seq
  } catch {
    return -1
  }
}

async function sha256(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data))
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(one.length + other.length)
  both.set(one)
  both.set(other, one.length)
  return both
}

function hex(data: Uint8Array): string {
  return Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("")
}

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}
