import { useStore } from "../lib/store"
import { ago, dateTime, duration, exactTime, timeOfDay } from "../lib/format"
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

/** "as of 12:04:31": what is shown was heard then, and could not be asked for again. */
export function AsOf({ at }: { at: number }) {
  const utc = useStore(timesInUtc)
  return (
    <time data-as-of="" dateTime={exactTime(at)} title={exactTime(at)}>
      as of {timeOfDay(at, utc)}
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
