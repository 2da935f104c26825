import { useRef, useState } from "react"

/** One piece of work at a time: what is asked for while it goes on is asked for twice. */
export function useBusy(): [boolean, (work: () => Promise<unknown>) => Promise<void>] {
  const [isBusy, setBusy] = useState(false)
  const going = useRef(false)
  const run = async (work: () => Promise<unknown>) => {
    if (going.current) return
    going.current = true
    setBusy(true)
    try {
      await work()
    } finally {
      going.current = false
      setBusy(false)
    }
  }
  return [isBusy, run]
}
