/** What is on the page and could not be asked for again: how old it is. */

import { store } from "../lib/store"
import { queryClient } from "./queries"

/** When the oldest of it was heard; null while all that is shown is what the server last said. */
export const staleSince = store<number | null>(null)

const cache = queryClient.getQueryCache()
let looking: ReturnType<typeof setTimeout> | undefined

function look(): void {
  looking = undefined
  const times = cache
    .findAll({ type: "active", predicate: ({ state }) => state.status === "error" })
    .flatMap(({ state }) => (state.data === undefined ? [] : [state.dataUpdatedAt]))
  staleSince.set(times.length > 0 ? Math.min(...times) : null)
}

cache.subscribe(({ type }) => {
  if (type === "updated" || type.startsWith("observer")) looking ??= setTimeout(look)
})
