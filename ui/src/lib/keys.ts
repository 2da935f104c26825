import { useLayoutEffect, useRef } from "react"
import { singleKeys } from "./prefs"

/** A key and what it does on this page; the sheet behind `?` lists them. */
export interface Shortcut {
  /** "ctrl+k", "g e", "?", "shift+ArrowDown"; `ctrl` is ⌘ on a Mac. */
  keys: string
  label: string
  group: string
  run: (event: KeyboardEvent) => void
  /** Also while a field has the focus. */
  inFields?: boolean
}

const active: Shortcut[][] = []
const CHORD_MS = 1200

export function shortcuts(): Shortcut[] {
  const seen = new Set<string>()
  return [...active]
    .reverse()
    .flat()
    .filter(({ keys }) => !seen.has(keys) && seen.add(keys))
}

/**
 * Offers *list* while the component is on the page; later ones win. What is seen is heard: the keys
 * act from the moment on at which the component is drawn, however busy the page is after it.
 */
export function useShortcuts(list: Shortcut[]): void {
  const latest = useRef(list)
  useLayoutEffect(() => {
    latest.current = list
  })
  useLayoutEffect(() => {
    const mine = latest.current.map((shortcut, at) => ({
      ...shortcut,
      run: (event: KeyboardEvent) => latest.current[at]?.run(event),
    }))
    active.push(mine)
    return () => {
      active.splice(active.indexOf(mine), 1)
    }
    // The set of keys of a component does not change; what they do may.
  }, [])
}

export function isField(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable ||
      (target instanceof HTMLInputElement &&
        !/^(checkbox|radio|button|range)$/.test(target.type)) ||
      target instanceof HTMLTextAreaElement ||
      target instanceof HTMLSelectElement)
  )
}

export function nameOf(event: KeyboardEvent): string {
  const parts = []
  if (event.ctrlKey || event.metaKey) parts.push("ctrl")
  if (event.altKey) parts.push("alt")
  const isLetter = event.key.length === 1
  if (event.shiftKey && (!isLetter || parts.length > 0)) parts.push("shift")
  parts.push(isLetter ? (parts.length > 0 ? event.key.toLowerCase() : event.key) : event.key)
  return parts.join("+")
}

/** Listens for all shortcuts; the frame of the page calls it once. */
export function listen(): () => void {
  let chord = ""
  let since = 0
  const onKey = (event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing) return
    const name = nameOf(event)
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey
    const inField = isField(event.target)
    const inOverlay =
      event.target instanceof HTMLElement && event.target.closest("[role=dialog],[role=menu]")
    if (isPlain && event.key.length === 1 && !singleKeys.get() && event.key !== "?") return
    const prefix = event.timeStamp - since < CHORD_MS ? chord : ""
    chord = ""
    for (const shortcut of shortcuts()) {
      if ((inField || inOverlay) && !shortcut.inFields) continue
      if (prefix ? shortcut.keys === `${prefix} ${name}` : shortcut.keys === name) {
        event.preventDefault()
        shortcut.run(event)
        return
      }
    }
    if (isPlain && !inField && shortcuts().some(({ keys }) => keys.startsWith(`${name} `))) {
      chord = name
      // From now, not from when the key was pressed: a busy page is not the writer's slowness.
      since = performance.now()
    }
  }
  addEventListener("keydown", onKey)
  return () => {
    removeEventListener("keydown", onKey)
  }
}
