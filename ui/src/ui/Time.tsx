import { useStore } from "../lib/store"
import { ago, dateTime, duration, exactTime } from "../lib/format"
import { timesInUtc } from "../lib/prefs"
import { useNow } from "./useNow"

/** "3 min ago", with the exact time in its title. */
export function TimeAgo({ at, prefix }: { at: number; prefix?: string }) {
  const now = useNow(30_000)
  return (
    <time dateTime={exactTime(at)} title={exactTime(at)}>
      {prefix && `${prefix} `}
      {ago(at, now)}
    </time>
  )
}

export function DateTime({ at }: { at: number }) {
  const utc = useStore(timesInUtc)
  return (
    <time className="number" dateTime={exactTime(at)} title={exactTime(at)}>
      {dateTime(at, utc)}
    </time>
  )
}

/** How long something took, or has been going on. */
export function Elapsed({ from, to }: { from: number; to?: number | null | undefined }) {
  const now = useNow(to ? 3_600_000 : 1_000)
  const ms = Math.max(0, (to ?? now) - from)
  return (
    <span className="number" title={`${ms} ms`}>
      {duration(ms)}
    </span>
  )
}
