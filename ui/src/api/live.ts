/** Whether open pages follow what is recorded, and what they do when something was. */

import { useEffect, useMemo, useRef } from "react"
import { store, useStore } from "../lib/store"
import { reachable } from "./client"
import { asRequest, concerns, covers, together, type Ask, type Interest } from "./interest"
import { queryClient } from "./queries"
import { listen, Refused, type Told } from "./stream"

export type LiveState = "connecting" | "live" | "paused" | "reconnecting"

/** Switched off by hand. */
export const isPaused = store(false)

export const liveState = store<LiveState>("connecting")

/** What comes together is told once, after a moment, and not again before long. */
const SOON_MS = 150
const SELDOM_MS = 1_000
/** Interests that change together, such as those of a new page, ask for one stream. */
const SETTLE_MS = 100
const RETRY_MS = { first: 1_000, most: 15_000 } as const
const POLL_MS = { first: 4_000, most: 30_000 } as const
/** A tab that is hidden for so long lets its stream go: a browser has few connections. */
const HIDDEN_MS = 5_000

/** One who wants to hear: called with what came meanwhile, never while it is at it. */
class Listener {
  /** Nothing has told of its interest yet, so it may have missed something. */
  isNew = true
  private isBusy = false
  private isDue = false
  private timer: ReturnType<typeof setTimeout> | undefined
  private rested = 0

  constructor(
    readonly of: Interest,
    private readonly work: () => Promise<unknown>,
  ) {}

  tell(): void {
    this.isDue = true
    if (this.isBusy || this.timer !== undefined) return
    this.timer = setTimeout(() => void this.act(), Math.max(SOON_MS, this.rested - Date.now()))
  }

  leave(): void {
    clearTimeout(this.timer)
    this.isBusy = true
  }

  private async act(): Promise<void> {
    this.timer = undefined
    this.isDue = false
    this.isBusy = true
    const began = Date.now()
    try {
      await this.work()
    } catch {
      // Pages show themselves what they could not get.
    }
    // Slow work leaves as much time to everything else.
    this.rested = Date.now() + Math.max(SELDOM_MS, Date.now() - began)
    this.isBusy = false
    if (this.isDue) this.tell()
  }
}

const listeners = new Set<Listener>()
let held: { ask: Ask; ends: AbortController } | null = null
let last: string | undefined
let isOpen = false
let retryMs: number = RETRY_MS.first
let settling: ReturnType<typeof setTimeout> | undefined
let polling: ReturnType<typeof setTimeout> | undefined
let hiding: ReturnType<typeof setTimeout> | undefined

const isFollowing = () => !isPaused.get() && !document.hidden

function tellAll(): void {
  for (const one of listeners) one.tell()
}

function opened(isOpenNow: boolean): void {
  isOpen = isOpenNow
  clearTimeout(polling)
  if (!isOpen) poll(POLL_MS.first)
  liveState.set(isPaused.get() ? "paused" : isOpen ? "live" : "reconnecting")
}

/** Looks from time to time, for as long as there is no stream. */
function poll(afterMs: number): void {
  polling = setTimeout(() => {
    if (isOpen) return
    if (isFollowing()) tellAll()
    poll(Math.min(afterMs * 1.5, POLL_MS.most))
  }, afterMs)
}

function settleSoon(afterMs = SETTLE_MS): void {
  clearTimeout(settling)
  settling = setTimeout(settle, afterMs)
}

/** Sees to it that one stream tells all that pages want to hear. */
function settle(): void {
  if (!isFollowing()) return
  const ask = together([...listeners].map(({ of }) => of))
  if (held && covers(held.ask, ask)) {
    if (isOpen) for (const one of listeners) one.isNew = false
    return
  }
  void follow(ask)
}

async function follow(ask: Ask): Promise<void> {
  const before = held
  const own = { ask, ends: new AbortController() }
  held = own
  try {
    await listen(
      asRequest(ask, last),
      own.ends.signal,
      () => {
        // The stream before goes on until this one has begun, so that nothing falls between.
        before?.ends.abort()
        const isBack = !isOpen
        retryMs = RETRY_MS.first
        opened(true)
        for (const one of listeners) {
          if (isBack || one.isNew) one.tell()
          one.isNew = false
        }
      },
      (event, id) => {
        last = id ?? last
        if (event) hear(event)
      },
    )
  } catch (error) {
    // An id of another server, or of one that was set up anew: begin from now.
    if (error instanceof Refused && error.status === 400) last = undefined
  }
  if (held !== own) return
  before?.ends.abort()
  held = null
  if (own.ends.signal.aborted) return
  opened(false)
  settleSoon(retryMs)
  retryMs = Math.min(retryMs * 2, RETRY_MS.most)
}

function hear(event: Told): void {
  for (const one of listeners) if (concerns(one.of, event)) one.tell()
}

function letGo(): void {
  clearTimeout(settling)
  held?.ends.abort()
  held = null
  isOpen = false
}

isPaused.subscribe(() => {
  if (isPaused.get()) {
    letGo()
    clearTimeout(polling)
    liveState.set("paused")
  } else {
    liveState.set("connecting")
    settleSoon(0)
  }
})

document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding)
  if (document.hidden) hiding = setTimeout(letGo, HIDDEN_MS)
  else if (isFollowing()) settleSoon(0)
})

addEventListener("online", () => {
  retryMs = RETRY_MS.first
  if (isFollowing()) settleSoon(0)
  lookAgain(RETRY_MS.first)
})

let looking: ReturnType<typeof setTimeout> | undefined

/** Whether the server is back: whatever it answers says so. */
function lookAgain(nextMs: number): void {
  clearTimeout(looking)
  if (reachable.get()) return
  void queryClient.invalidateQueries()
  looking = setTimeout(() => lookAgain(Math.min(nextMs * 2, RETRY_MS.most)), nextMs)
}

// Who was cut off asks for everything that failed meanwhile.
reachable.subscribe(() => {
  if (reachable.get()) void queryClient.invalidateQueries()
  else looking = setTimeout(() => lookAgain(2 * RETRY_MS.first), RETRY_MS.first)
  if (!reachable.get() && liveState.get() === "connecting") liveState.set("reconnecting")
})

/** How often to ask again, for what no event tells of; false while paused. */
export function useRefetchInterval(ms: number): number | false {
  return useStore(isPaused) ? false : ms
}

/** Calls *onChange* when something of that interest may have changed, never while it is at it. */
export function useChanges(of: Interest, onChange: () => Promise<unknown>): void {
  const latest = useRef(onChange)
  useEffect(() => {
    latest.current = onChange
  })
  const key = JSON.stringify(of)
  const interest = useMemo(() => JSON.parse(key) as Interest, [key])
  useEffect(() => {
    if (Object.values(interest).every((list) => list.length === 0)) return
    const one = new Listener(interest, () => latest.current())
    listeners.add(one)
    settleSoon()
    return () => {
      listeners.delete(one)
      one.leave()
    }
  }, [interest])
}

/** Asks again for what is on the page of the queries *keys* when *of* has changed. */
export function useFollowed(of: Interest, ...keys: (readonly unknown[])[]): void {
  useChanges(of, () =>
    Promise.all(keys.map((queryKey) => queryClient.invalidateQueries({ queryKey }))),
  )
}
