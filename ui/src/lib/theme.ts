import { page } from "./page"
import { store, useStore } from "./store"

export const THEMES = ["system", "light", "dark", "contrast"] as const
export type Theme = (typeof THEMES)[number]

const COOKIE = "millrace-theme"
const root = document.documentElement

/** The server has put the chosen theme on the page from a cookie, so there is no wrong first paint. */
export const theme = store<Theme>(THEMES.find((name) => name === root.dataset["theme"]) ?? "system")

/** Counts changes of how things look; canvases draw again when it does. */
export const look = store(0)

theme.subscribe(() => {
  const chosen = theme.get()
  if (chosen === "system") delete root.dataset["theme"]
  else root.dataset["theme"] = chosen
  const age = chosen === "system" ? 0 : 31_536_000
  document.cookie = `${COOKIE}=${chosen}; path=${page.base || "/"}; max-age=${age}; samesite=lax`
  look.set(look.get() + 1)
})

if (typeof matchMedia === "function") {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    look.set(look.get() + 1)
  })
}

export function nextTheme(): Theme {
  return THEMES[(THEMES.indexOf(theme.get()) + 1) % THEMES.length] ?? "system"
}

/** Changes whenever colours do; use it as a dependency of drawing. */
export function useLook(): number {
  return useStore(look)
}

/** The colour behind a token such as `--ink-muted`, as the canvas takes it, in the present theme. */
export function tokenColour(name: string): string {
  const probe = document.createElement("span")
  probe.style.color = `var(${name})`
  probe.style.display = "none"
  document.body.append(probe)
  const colour = getComputedStyle(probe).color
  probe.remove()
  return colour
}
