/** Whether open pages follow what is recorded, and why not when they do not. */

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

/** How often to ask again, for what no event tells of; false while paused. */
export function useRefetchInterval(ms: number): number | false {
  return useStore(isPaused) ? false : ms
}
