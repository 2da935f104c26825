import { useEffect } from "react"
import { remembered, store } from "../../lib/store"

export interface Crumb {
  label: string
  to?: string
}

/** The way from the top to the present page, itself last. */
export const crumbs = store<readonly Crumb[]>([])

export interface Visit {
  to: string
  label: string
  kind: string
}

const KEPT = 12

/** What was looked at last, the latest first. */
export const visits = remembered<readonly Visit[]>("visits", [], (raw) =>
  Array.isArray(raw) ? (raw.filter((one) => typeof one?.to === "string") as Visit[]) : null,
)

/** Says what the present page is. With *visit*, the palette will offer it as a recent thing. */
export function useHeading(way: readonly Crumb[], visit?: Visit): void {
  const said = JSON.stringify([way, visit])
  useEffect(() => {
    const [path, seen] = JSON.parse(said) as [Crumb[], Visit | undefined]
    crumbs.set(path)
    const names = path.map(({ label }) => label).reverse()
    document.title = [...names, "Millrace"].join(" · ")
    if (seen) {
      visits.set([seen, ...visits.get().filter(({ to }) => to !== seen.to)].slice(0, KEPT))
    }
  }, [said])
}
