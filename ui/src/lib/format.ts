/** Numbers, bytes, durations and times as people read them; each has its exact form elsewhere. */

import { digits, type Digits } from "./prefs"

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]

const SIGNIFICANT: Record<Exclude<Digits, "all">, number> = { short: 3, usual: 5 }

/** A metric's value: up to five significant digits, small and huge ones in powers of ten; fewer, or
 * all that there are, for who prefers that. */
export function value(number: number, told: Digits = digits.get()): string {
  if (Number.isNaN(number)) return "NaN"
  if (!Number.isFinite(number)) return number > 0 ? "Infinity" : "−Infinity"
  if (number === 0) return "0"
  const size = Math.abs(number)
  const significant = told === "all" ? undefined : SIGNIFICANT[told]
  const text =
    size >= 1e6 || size < 1e-4
      ? number
          // A power of ten takes the room of a digit.
          .toExponential(significant && Math.max(significant - 2, 2))
          .replace(/\.?0+e/, "e")
          .replace("e+", "e")
      : Number.isInteger(number) || (significant && size >= 10 ** significant)
        ? count(number)
        : significant
          ? trimmed(number.toPrecision(significant))
          : String(number)
  return text.replace("-", "−").replace("e−", "e-")
}

function trimmed(text: string): string {
  return text.includes(".") ? text.replace(/0+$/, "").replace(/\.$/, "") : text
}

/** A whole number with narrow gaps between thousands. */
export function count(number: number): string {
  const [whole = "0"] = Math.abs(number).toFixed(0).split(".")
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, " ")
  return number < 0 ? `−${grouped}` : grouped
}

export function bytes(size: number): string {
  let power = 0
  while (size >= 1024 && power < UNITS.length - 1) {
    size /= 1024
    power++
  }
  return `${power === 0 ? size : trimmed(size.toPrecision(3))} ${UNITS[power] ?? ""}`
}

/** Two leading units: "3 h 12 min", "4.2 s". */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${trimmed((ms / 1000).toPrecision(3))} s`
  const minutes = Math.floor(ms / 60_000)
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1000)} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** "3 min ago"; dates beyond a week. */
export function ago(at: number, now: number): string {
  const gone = now - at
  if (gone < 45_000) return "just now"
  const minutes = Math.round(gone / 60_000)
  if (minutes < 60) return `${minutes} min ago`
  const hours = Math.round(minutes / 60)
  if (hours < 24) return `${hours} h ago`
  const days = Math.round(hours / 24)
  return days < 8 ? `${days} d ago` : date(at)
}

const pad = (part: number) => String(part).padStart(2, "0")

export function date(at: number, utc = false): string {
  const day = new Date(at)
  return utc
    ? day.toISOString().slice(0, 10)
    : `${day.getFullYear()}-${pad(day.getMonth() + 1)}-${pad(day.getDate())}`
}

export function dateTime(at: number, utc = false): string {
  const day = new Date(at)
  return utc
    ? `${day.toISOString().slice(0, 19).replace("T", " ")} UTC`
    : `${date(at)} ${pad(day.getHours())}:${pad(day.getMinutes())}:${pad(day.getSeconds())}`
}

export function timeOfDay(at: number, utc = false): string {
  return dateTime(at, utc).slice(11)
}

/** For titles: exact, in UTC. */
export function exactTime(at: number): string {
  return Number.isFinite(at) ? new Date(at).toISOString() : ""
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`
}
