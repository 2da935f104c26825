import { useLocation } from "@tanstack/react-router"
import { useCallback, useEffect, useMemo, useRef, useState } from "react"
import { page } from "../../lib/page"
import { call } from "../../api/client"
import { DEFAULT_VIEW, documentOf, LONGEST, packed, unpacked, type View } from "../../lib/view"
import { useGo } from "../Link"

const WRITE_MS = 150
/** What is too long for an address is not stored for every step of a drag. */
const STORE_MS = 800
/** The router tells of an address some time after it was written. */
const ECHO_MS = 3_000

/** The view that the address holds, or the one *opened* that it names, and how to change it. */
export function useView(
  experiments: readonly string[],
  opened: View | null,
): {
  view: View
  change: (patch: Partial<View>) => void
  /** The address held a view that this version does not know. */
  isUnknown: boolean
} {
  const { pathname, searchStr } = useLocation()
  const go = useGo()
  const read = useMemo(() => fromSearch(searchStr), [searchStr])
  const [view, setView] = useState(opened ?? read.view)
  const last = useRef(searchStr)
  const echoes = useRef(new Map<string, number>())
  /** Counts changes: what was stored for an earlier one is no address any more. */
  const changes = useRef(0)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)

  // An address that somebody else has written is followed.
  useEffect(() => {
    const at = echoes.current.get(searchStr)
    if (searchStr === last.current || (at !== undefined && Date.now() - at < ECHO_MS)) return
    last.current = searchStr
    echoes.current.clear()
    clearTimeout(timer.current)
    setView(read.view)
  }, [searchStr, read])

  const path = pathname.slice(page.base.length)
  const change = useCallback(
    (patch: Partial<View>) => {
      setView((before) => {
        const next = { ...before, ...patch }
        clearTimeout(timer.current)
        const number = ++changes.current
        const write = (search: string) => {
          if (search === last.current || number !== changes.current) return
          last.current = search
          echoes.current.set(search, Date.now())
          go(path + search, { replace: true })
        }
        timer.current = setTimeout(() => {
          const text = packed(next)
          const search = text ? `?s=${text}` : ""
          if (location.origin.length + page.base.length + path.length + search.length <= LONGEST) {
            write(search)
            return
          }
          const store = () => stored(next, experiments).then(write, () => write(search))
          timer.current = setTimeout(() => void store(), STORE_MS)
        }, WRITE_MS)
        return next
      })
    },
    [go, path, experiments],
  )
  useEffect(
    () => () => {
      changes.current++
      clearTimeout(timer.current)
    },
    [path],
  )
  return { view, change, isUnknown: read.isUnknown }
}

/** The address of a view that the server keeps, without a name: the same for the same view. */
async function stored(view: View, experiments: readonly string[]): Promise<string> {
  const [experiment_id] = experiments.length === 1 ? experiments : []
  const document = documentOf(view)
  const kept = await call("createView", { experiment_id, format: view.v, document })
  return `?view=${kept.view.view_id}`
}

/** The packed view, or the few plain parameters that links of other origin carry. */
function fromSearch(text: string): { view: View; isUnknown: boolean } {
  const search = new URLSearchParams(text)
  const s = search.get("s")
  if (s !== null) {
    const view = unpacked(s)
    return { view: view ?? DEFAULT_VIEW, isUnknown: view === null }
  }
  const since = search.get("since")
  const view: View = {
    ...DEFAULT_VIEW,
    q: search.get("q") ?? "",
    sort: search.get("sort") ? [search.get("sort") ?? ""] : [],
    lifecycle: search.get("state") === "deleted" ? "deleted" : "active",
  }
  const from = since ? sinceMs(since) : null
  if (from !== null)
    view.q = [view.q, `attributes.start_time >= ${from}`].filter(Boolean).join(" AND ")
  return { view, isUnknown: false }
}

const SPANS: Record<string, number> = {
  LAST_HOUR: 3_600_000,
  LAST_24_HOURS: 86_400_000,
  LAST_7_DAYS: 7 * 86_400_000,
  LAST_30_DAYS: 30 * 86_400_000,
  LAST_YEAR: 365 * 86_400_000,
}

function sinceMs(word: string): number | null {
  const span = SPANS[word]
  return span === undefined ? null : Date.now() - span
}
