import {
  useCallback,
  useEffect,
  useEffectEvent,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react"
import { call, reachable } from "../../api/client"
import { useChanges } from "../../api/live"
import { BLOCK, rowsFor, type AnyRows, type Ask, type Spec } from "./rows"

const ask: Ask = (query, signal) => call("queryRunTable", query, { signal })

export interface RowsState {
  rows: AnyRows | null
  /** Other rows are on their way; those that are there are of the question before. */
  isBusy: boolean
  error: unknown
  /** Why there are no rows of this question; those that are there are of the one before. */
  refusal: unknown
  /** How many runs have come since the order was made. */
  newer: number
  /** Rows that are in sight, from and to. */
  onSight: (from: number, to: number) => void
  /** Makes the order anew. */
  renew: () => void
  version: number
}

const nothing = () => () => undefined
const zero = () => 0

/** What charts know of a row that is not in sight. */
const DRAWN_COLUMNS = ["attributes.run_name", "attributes.status"]

/**
 * The rows of *spec* with *columns*. Those of the question before stay until the first of the new ones
 * are there; what comes in the meantime waits until it is asked for, except at the top. The first
 * *drawn* are there whether they are in sight or not.
 */
export function useRows(spec: Spec | null, columns: readonly string[], drawn = 0): RowsState {
  const [rows, setRows] = useState<AnyRows | null>(null)
  const [next, setNext] = useState<AnyRows | null>(null)
  const [refusal, setRefusal] = useState<unknown>(null)
  const [newer, setNewer] = useState(0)
  const [round, setRound] = useState(0)
  const sight = useRef<[number, number]>([0, BLOCK - 1])
  const wanted = useRef(columns)
  const current = useRef<AnyRows | null>(null)
  const asked = JSON.stringify(spec)
  const order = useMemo(() => {
    const { tree: _, ...rest } = (JSON.parse(asked) ?? {}) as Partial<Spec>
    return JSON.stringify([rest, round])
  }, [asked, round])
  const lastOrder = useRef("")

  useEffect(() => {
    const parsed = JSON.parse(asked) as Spec | null
    if (parsed === null) return
    // Opening a parent does not make the order anew.
    const held = current.current
    const isSame = lastOrder.current === order && held && "cursor" in held
    lastOrder.current = order
    const made = rowsFor(ask, parsed, isSame ? held.cursor : undefined)
    const [from, to] = isSame ? sight.current : [0, BLOCK - 1]
    const arrived = () => {
      if (made.total === null && made.error === null) return
      unsubscribe()
      setRefusal(made.total === null ? made.error : null)
      if (made.total === null) {
        setNext((waiting) => (waiting === made ? null : waiting))
        if (current.current === null) {
          current.current = made
          setRows(made)
        }
        return
      }
      current.current?.close()
      current.current = made
      setRows(made)
      setNewer(0)
      setNext((waiting) => (waiting === made ? null : waiting))
    }
    const unsubscribe = made.subscribe(arrived)
    setNext(made)
    made.ensure(from, to, wanted.current)
    return () => {
      unsubscribe()
      if (current.current !== made) made.close()
    }
  }, [asked, order])

  useEffect(() => {
    wanted.current = columns
    // Rows that never came are asked for again by hand.
    if (rows?.total !== null) rows?.ensure(...sight.current, columns)
  }, [rows, columns])

  useEffect(() => {
    // The first block comes by itself.
    if (drawn > BLOCK) rows?.ensure(0, drawn - 1, DRAWN_COLUMNS)
  }, [rows, drawn])

  const version = useSyncExternalStore(rows?.subscribe ?? nothing, rows?.getVersion ?? zero)

  const onSight = useCallback((from: number, to: number) => {
    sight.current = [from, to]
    current.current?.ensure(from, to, wanted.current)
  }, [])
  const renew = useCallback(() => setRound((before) => before + 1), [])

  const back = useEffectEvent(() => {
    if (reachable.get() && (refusal !== null || (rows?.error ?? null) !== null)) renew()
  })
  useEffect(() => reachable.subscribe(() => back()), [])

  useChanges({ experiments: spec?.experiment_ids ?? [] }, async () => {
    const held = current.current
    if (!held || held.total === null) return
    const [from, to] = sight.current
    const count = await held.count()
    const more = count - held.runs
    if (more !== 0 && from === 0) renew()
    else {
      setNewer(Math.max(0, more))
      await held.refresh(from, to, wanted.current)
    }
  })

  return {
    rows,
    isBusy: next !== null && rows !== null,
    error: rows?.error ?? null,
    refusal,
    newer,
    onSight,
    renew,
    version,
  }
}
