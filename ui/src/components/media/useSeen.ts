import { useEffect, useRef, useState } from "react"

/** Whether an element has been in sight: what is in it is fetched then, and not before. */
export function useSeen() {
  const ref = useRef<HTMLLIElement>(null)
  const [isSeen, setSeen] = useState(false)
  useEffect(() => {
    if (!ref.current) return
    const watch = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return
      setSeen(true)
      watch.disconnect()
    })
    watch.observe(ref.current)
    return () => watch.disconnect()
  }, [])
  return [ref, isSeen] as const
}
