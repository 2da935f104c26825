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

const TIMEOUT_MS = 60_000
/** A file takes as long as its size has it. */
const FILE_MS = 3_600_000

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
  const answered = async () => (await ask(url, init, options.signal)).json()
  return (await whole(answered())) as Answered<N>
}

/** The file that an operation answers with. */
export async function file<N extends Name>(name: N, asked: Asked<N>): Promise<Blob> {
  const { url, init } = spoken(name, asked)
  const answered = async () => (await ask(url, init, undefined, FILE_MS)).blob()
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
  limitMs = TIMEOUT_MS,
): Promise<Response> {
  const limit = AbortSignal.timeout(limitMs)
  let response: Response
  underWay(1)
  try {
    const both = signal ? AbortSignal.any([signal, limit]) : limit
    response = await fetch(url, { ...init, headers: named(init.headers), signal: both })
  } catch (error) {
    if (signal?.aborted) throw error
    reachable.set(false)
    const reason = limit.aborted
      ? "The server did not answer in time."
      : "The server cannot be reached."
    throw new ApiError(reason, "UNREACHABLE", 0, null)
  } finally {
    underWay(-1)
  }
  reachable.set(true)
  // 304 is an answer to who asked with an entity tag.
  if (!response.ok && response.status !== 304) throw await errorOf(response)
  return response
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
