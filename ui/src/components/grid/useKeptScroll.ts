import { useRouterState } from "@tanstack/react-router"
import { useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react"

/** How far each was scrolled, by entry of the history. */
const kept = new Map<string, number>()

/** Whoever comes back to an entry of the history finds the rows in sight that were in sight.
 *
 * @param height What there is to scroll through; rows may come later than the page.
 */
export function useKeptScroll(
  scroller: RefObject<HTMLElement | null>,
  label: string,
  height: number,
): void {
  const path = useRouterState({ select: ({ location }) => location.pathname })
  const entry = useRouterState({ select: ({ location }) => location.state.__TSR_key })
  const [home] = useState(path)
  // On the way to another page the address is that of the other one already.
  const name = path === home ? `${entry} ${label}` : null
  const [first] = useState(name)
  const wanted = useRef(first === null ? undefined : kept.get(first))

  useLayoutEffect(() => {
    const { current } = scroller
    if (!current || wanted.current === undefined) return
    if (current.scrollHeight - current.clientHeight < wanted.current) return
    current.scrollTo({ top: wanted.current })
    wanted.current = undefined
  }, [scroller, height])

  useEffect(() => {
    const { current } = scroller
    if (!current || name === null) return
    const keep = () => {
      // Who scrolls while rows are on their way wants to be elsewhere.
      wanted.current = undefined
      kept.set(name, current.scrollTop)
    }
    // The address of a view changes while it is looked at, and each is an entry of its own.
    if (wanted.current === undefined) keep()
    current.addEventListener("scroll", keep, { passive: true })
    return () => current.removeEventListener("scroll", keep)
  }, [scroller, name])
}
