import { aBoolean, aText, oneOf, remembered } from "./store"

export type Density = "compact" | "normal" | "roomy"

export const density = remembered<Density>("density", "normal", oneOf("compact", "normal", "roomy"))
export const railOpen = remembered("rail", true, aBoolean)
export const singleKeys = remembered("single-keys", true, aBoolean)
export const timesInUtc = remembered("utc", false, aBoolean)
/** Who people say they are, on a server without accounts; "" for nobody. */
export const userName = remembered("user", "", aText)

export const ROW_HEIGHT: Record<Density, number> = { compact: 28, normal: 32, roomy: 40 }
