/** Whether open pages follow what is recorded, and what they do when something was. */

import { useEffect, useRef } from "react"
import { store, useStore } from "../lib/store"
import { reachable } from "./client"

export type LiveState = "live" | "paused" | "reconnecting"

/** Switched off by hand. */
export const isPaused = store(false)

export const liveState = store<LiveState>("live")

function settle() {
  liveState.set(isPaused.get() ? "paused" : reachable.get() ? "live" : "reconnecting")
}

isPaused.subscribe(settle)
reachable.subscribe(settle)

const ASK_MS = 4_000

/** How often to ask again, for what no event tells of; false while paused. */
export function useRefetchInterval(ms: number): number | false {
  return useStore(isPaused) ? false : ms
}

/** Calls *onChange* when something of these experiments may have changed, never while it is at it. */
export function useChanges(experiments: readonly string[], onChange: () => Promise<void>): void {
  const latest = useRef(onChange)
  useEffect(() => {
    latest.current = onChange
  })
  const paused = useStore(isPaused)
  const key = experiments.join()
  useEffect(() => {
    if (paused || key === "") return
    let timer: ReturnType<typeof setTimeout>
    const again = () => {
      timer = setTimeout(() => {
        const work = document.hidden ? Promise.resolve() : latest.current()
        work.catch(() => undefined).finally(again)
      }, ASK_MS)
    }
    again()
    return () => clearTimeout(timer)
  }, [paused, key])
}
