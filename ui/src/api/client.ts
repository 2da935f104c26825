import { page } from "../lib/page"
import { userName } from "../lib/prefs"
import { store } from "../lib/store"
import { ApiError, errorOf } from "./errors"
import { OPERATIONS, type Operations } from "./generated"

export type Name = keyof Operations
export type Asked<N extends Name> = Operations[N][0]
export type Answered<N extends Name> = Operations[N][1]

/** Whether the last request found the server. */
export const reachable = store(true)

/** When the server last answered. */
export const heardAt = store(Date.now())

/**
 * How long the server may be silent before it answers, and between two pieces of an answer, however
 * long the whole takes. Who can break off a question looks at the page and may ask again; what is to
 * be done, or made into a file, is waited for.
 */
const SILENCE_MS = { question: 30_000, deed: 600_000 } as const

let waiting = 0

/** Says on the page how many requests are on their way: for whoever waits until it is at rest. */
function underWay(by: number) {
  waiting += by
  document.documentElement.dataset.requests = String(waiting)
}
underWay(0)

/** A request is on its way until what it brought was read. */
export async function whole<T>(work: Promise<T>): Promise<T> {
  underWay(1)
  try {
    return await work
  } finally {
    underWay(-1)
  }
}

/** Ask for one operation of the API. Raises `ApiError`; an aborted request raises what fetch does. */
export async function call<N extends Name>(
  name: N,
  asked: Asked<N>,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<Answered<N>> {
  const { url, init } = spoken(name, asked)
  const { signal } = options
  const limitMs = signal ? SILENCE_MS.question : SILENCE_MS.deed
  const answered = async () => (await ask(url, init, signal, limitMs)).json()
  return (await whole(answered())) as Answered<N>
}

/** The file that an operation answers with. */
export async function file<N extends Name>(name: N, asked: Asked<N>): Promise<Blob> {
  const { url, init } = spoken(name, asked)
  const answered = async () => (await ask(url, init, undefined, SILENCE_MS.deed)).blob()
  return await whole(answered())
}

/** The address of an operation that is read by the browser itself: downloads, images, frames. */
export function urlOf<N extends Name>(name: N, asked: Asked<N>): string {
  return located(name, asked).url
}

/** A request to our own server with the errors of `call`; *url* comes from `urlOf`. */
export async function ask(
  url: string,
  init: RequestInit,
  signal?: AbortSignal,
  limitMs: number = SILENCE_MS.question,
): Promise<Response> {
  const silence = silent(limitMs)
  let response: Response
  underWay(1)
  try {
    const both = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal
    response = await fetch(url, { ...init, headers: named(init.headers), signal: both })
  } catch (error) {
    silence.end()
    if (signal?.aborted || silence.signal.aborted) throw error
    reachable.set(false)
    throw new ApiError("The server cannot be reached.", "UNREACHABLE", 0, null)
  } finally {
    underWay(-1)
  }
  heardAt.set(Date.now())
  reachable.set(true)
  const whole = heard(response, silence)
  // 304 is an answer to who asked with an entity tag.
  if (!whole.ok && whole.status !== 304) throw await errorOf(whole)
  return whole
}

interface Silence {
  signal: AbortSignal
  /** Something was heard. */
  broken: () => void
  end: () => void
}

/** Breaks off what nothing is heard of for *limitMs*. */
function silent(limitMs: number): Silence {
  const controller = new AbortController()
  const told = `The server did not answer within ${limitMs / 1000} seconds.`
  const end = () => clearTimeout(timer)
  const begin = () =>
    setTimeout(() => controller.abort(new ApiError(told, "TIMEOUT", 0, null)), limitMs)
  let timer = begin()
  const broken = () => {
    end()
    timer = begin()
  }
  return { signal: controller.signal, broken, end }
}

/** The same answer; each piece of it breaks the silence. */
function heard(response: Response, silence: Silence): Response {
  // Of an answer without a body none can be made that has one, be it empty.
  if (response.body === null || response.status === 304 || response.status === 204) {
    silence.end()
    return response
  }
  silence.broken()
  const pieces = new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, to) {
      silence.broken()
      to.enqueue(piece)
    },
    flush: silence.end,
  })
  return new Response(response.body.pipeThrough(pieces), response)
}

/** Says who asks, where there are no accounts to know it from. */
export function named(headers: HeadersInit | undefined): Headers {
  const all = new Headers(headers)
  const name = userName.get().trim()
  if (name) all.set("x-millrace-user", encodeURIComponent(name))
  return all
}

function spoken(name: Name, asked: object): { url: string; init: RequestInit } {
  const [method] = OPERATIONS[name]
  const { url, rest } = located(name, asked)
  const init: RequestInit = { method, credentials: "same-origin" }
  if (method !== "GET") {
    init.headers = { "content-type": "application/json" }
    init.body = JSON.stringify(rest)
  }
  return { url, init }
}

function located(name: Name, asked: object): { url: string; rest: Record<string, unknown> } {
  const [method, template] = OPERATIONS[name]
  const given = new Map(Object.entries(asked as Record<string, unknown>))
  const path = template.replace(/\{(\w+)\}(\/?)/g, (_, key: string, after: string) => {
    const value = String(given.get(key))
    given.delete(key)
    // A path at the end keeps its slashes.
    const parts = after ? [value] : value.split("/")
    return parts.map(encodeURIComponent).join("/") + after
  })
  const query = new URLSearchParams()
  if (method === "GET") {
    for (const [key, value] of given) {
      for (const one of Array.isArray(value) ? value : [value]) {
        if (one !== undefined && one !== null) query.append(key, String(one))
      }
    }
  }
  const search = query.size > 0 ? `?${query}` : ""
  return { url: page.base + path + search, rest: Object.fromEntries(given) }
}
