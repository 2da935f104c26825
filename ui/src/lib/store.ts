import { useSyncExternalStore } from "react"

/** A value that several parts of the page watch. */
export interface Store<T> {
  get(): T
  set(next: T): void
  subscribe(listener: () => void): () => void
}

export function store<T>(initial: T): Store<T> {
  let value = initial
  const listeners = new Set<() => void>()
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return
      value = next
      for (const listener of [...listeners]) listener()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** A store that this browser remembers; other tabs follow. What cannot be read is the default. */
export function remembered<T>(
  key: string,
  initial: T,
  accept: (raw: unknown) => T | null,
): Store<T> {
  const name = `millrace.${key}`
  const parse = (text: string | null): T => {
    try {
      return (text === null ? null : accept(JSON.parse(text))) ?? initial
    } catch {
      return initial
    }
  }
  const read = () => {
    try {
      return parse(localStorage.getItem(name))
    } catch {
      return initial
    }
  }
  const inner = store(read())
  addEventListener("storage", (event) => {
    if (event.key === name) inner.set(parse(event.newValue))
  })
  return {
    ...inner,
    set(next) {
      inner.set(next)
      try {
        localStorage.setItem(name, JSON.stringify(next))
      } catch {
        // Full or forbidden: remembered until the page is left.
      }
    },
  }
}

export function useStore<T>(from: Store<T>): T {
  return useSyncExternalStore(from.subscribe, from.get)
}

export const oneOf =
  <T extends string>(...choices: readonly T[]) =>
  (raw: unknown): T | null =>
    choices.find((choice) => choice === raw) ?? null

export const aBoolean = (raw: unknown): boolean | null => (typeof raw === "boolean" ? raw : null)

export const aNumber = (raw: unknown): number | null =>
  typeof raw === "number" && Number.isFinite(raw) ? raw : null

export const aText = (raw: unknown): string | null => (typeof raw === "string" ? raw : null)
