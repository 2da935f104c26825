import { aBoolean, aText, oneOf, remembered } from "./store"

export type Density = "compact" | "normal" | "roomy"
/** Colours of runs: 24 that are told apart side by side, or 8 that are told apart anywhere. */
export type Palette = "many" | "few"
/** How much of a metric's value is told: three digits, five, or all of them. */
export type Digits = "short" | "usual" | "all"

export const density = remembered<Density>("density", "normal", oneOf("compact", "normal", "roomy"))
export const railOpen = remembered("rail", true, aBoolean)
export const singleKeys = remembered("single-keys", true, aBoolean)
export const palette = remembered<Palette>("palette", "many", oneOf("many", "few"))
export const digits = remembered<Digits>("digits", "usual", oneOf("short", "usual", "all"))
export const timesInUtc = remembered("utc", false, aBoolean)
/** Who people say they are, on a server without accounts; "" for nobody. */
export const userName = remembered("user", "", aText)

export const ROW_HEIGHT: Record<Density, number> = { compact: 28, normal: 32, roomy: 40 }
