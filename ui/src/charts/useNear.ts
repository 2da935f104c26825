import { useEffect, useRef, useState, type RefObject } from "react"

/** Whether an element is within one screen of what its scroller shows. */
export function useNear(): [RefObject<HTMLDivElement | null>, boolean] {
  const ref = useRef<HTMLDivElement>(null)
  const [isNear, setNear] = useState(false)
  useEffect(() => {
    const { current } = ref
    if (!current) return
    const watch = new IntersectionObserver(
      ([entry]) => setNear(entry?.isIntersecting ?? false),
      // Only the scroller itself can be widened, so it has to be the root.
      { root: scrollerOf(current), rootMargin: "100% 0px" },
    )
    watch.observe(current)
    return () => watch.disconnect()
  }, [])
  return [ref, isNear]
}

function scrollerOf(element: Element): Element | null {
  for (let at = element.parentElement; at; at = at.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(at).overflowY)) return at
  }
  return null
}
