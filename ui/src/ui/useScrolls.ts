import { useEffect, useState, type RefObject } from "react"

/** Whether there is more in an element than it shows: then keys must be able to scroll it. */
export function useScrolls(of: RefObject<HTMLElement | null>): boolean {
  const [isLarger, setLarger] = useState(false)
  useEffect(() => {
    const { current } = of
    if (!current) return
    const sizes = new ResizeObserver(() =>
      setLarger(
        current.scrollWidth > current.clientWidth + 1 ||
          current.scrollHeight > current.clientHeight + 1,
      ),
    )
    // What is inside may grow while the element stays as it is.
    const watch = () => [current, ...current.children].forEach((one) => sizes.observe(one))
    const parts = new MutationObserver(watch)
    parts.observe(current, { childList: true })
    watch()
    return () => {
      sizes.disconnect()
      parts.disconnect()
    }
  }, [of])
  return isLarger
}
