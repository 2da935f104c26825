import { useEffect, useState, type ComponentType, type ReactNode } from "react"
import { EmptyState, Skeleton } from "./States"

/** Undefined for a part that the server has no more: the frame tells of the newer version then. */
export type Part<P> = () => Promise<{ default: ComponentType<P> } | undefined>

/** Stands where a part was to be that the server has no more. */
export const Gone = () => (
  <EmptyState title="This page has changed" hint="The newer version of these pages has it." />
)

/**
 * A component whose code is loaded when it is first shown, and *waiting* until it is there. `load`
 * loads it ahead: then it is shown at once.
 *
 * Not React's `lazy`: once its fallback was seen, React keeps it up for 300 ms, and what is behind it
 * asks for its data only then.
 */
export function later<P extends object>(
  part: Part<P>,
  waiting: (props: P) => ReactNode = () => <Skeleton />,
) {
  let Held: ComponentType<P> | undefined
  let loading: Promise<void> | undefined
  const load = () =>
    (loading ??= part().then(
      (found) => {
        Held = found?.default ?? Gone
      },
      (error: unknown) => {
        loading = undefined
        throw error
      },
    ))
  function Later(props: P) {
    const [, show] = useState<unknown>(null)
    useEffect(() => {
      if (Held !== undefined) return
      load().then(
        () => show({}),
        (error: unknown) =>
          show(() => {
            throw error
          }),
      )
    }, [])
    return Held === undefined ? waiting(props) : <Held {...props} />
  }
  return Object.assign(Later, { load })
}
