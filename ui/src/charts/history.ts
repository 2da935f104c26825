/** Undo and redo of whole documents, up to a number of steps. */

export interface History<T> {
  past: readonly T[]
  present: T
  future: readonly T[]
}

const STEPS = 50

export const began = <T>(present: T): History<T> => ({ past: [], present, future: [] })

export function did<T>({ past, present }: History<T>, next: T): History<T> {
  return { past: [...past, present].slice(-STEPS), present: next, future: [] }
}

export function undone<T>(history: History<T>): History<T> {
  const previous = history.past.at(-1)
  if (previous === undefined) return history
  return {
    past: history.past.slice(0, -1),
    present: previous,
    future: [history.present, ...history.future],
  }
}

export function redone<T>(history: History<T>): History<T> {
  const [next, ...future] = history.future
  if (next === undefined) return history
  return { past: [...history.past, history.present], present: next, future }
}
