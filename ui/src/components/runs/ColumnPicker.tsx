import { keepPreviousData, queryOptions, useQuery } from "@tanstack/react-query"
import { useDeferredValue, useState, type KeyboardEvent } from "react"
import { call } from "../../api/client"
import type { FindRunKeys } from "../../api/generated"
import { keyed } from "../../lib/filter"
import { count } from "../../lib/format"
import { SearchField } from "../../ui/Field"
import { Segments } from "../../ui/Tabs"
import { ATTRIBUTE_LABELS, NAME } from "./columns"
import styles from "./Picker.module.css"

const MOST = 100
const KINDS = [
  { key: "metric", label: "Metrics" },
  { key: "param", label: "Params" },
  { key: "tag", label: "Tags" },
  { key: "attribute", label: "Other" },
] as const
type Kind = (typeof KINDS)[number]["key"]

const OTHERS = [
  ...Object.entries(ATTRIBUTE_LABELS).map(([name, label]) => ({ id: `attributes.${name}`, label })),
  { id: "datasets", label: "Data sets" },
  { id: "models", label: "Models" },
  { id: "note", label: "Note" },
].filter(({ id }) => id !== NAME)

export const runKeysQuery = (asked: FindRunKeys) =>
  queryOptions({
    queryKey: ["run-keys", asked],
    queryFn: ({ signal }) => call("findRunKeys", asked, { signal }),
    staleTime: 15_000,
  })

/** Keys by name, with how many runs have them; each is a column, or is not. */
export function ColumnPicker({
  experiments,
  columns,
  onChange,
  kinds = KINDS,
}: {
  experiments: readonly string[]
  columns: readonly string[]
  onChange: (columns: string[]) => void
  kinds?: readonly (typeof KINDS)[number][]
}) {
  const [kind, setKind] = useState<Kind>(kinds[0]?.key ?? "metric")
  const [text, setText] = useState("")
  const [active, setActive] = useState(0)
  const contains = useDeferredValue(text)
  const isKeyed = kind !== "attribute"
  const found = useQuery({
    ...runKeysQuery({
      experiment_ids: [...experiments],
      kind: isKeyed ? kind : "metric",
      contains,
      order: "coverage",
      limit: MOST,
    }),
    enabled: isKeyed,
    placeholderData: keepPreviousData,
  })
  const list = isKeyed
    ? (found.data?.keys ?? [])
        // While other keys are on their way, those that are there and fit.
        .filter(({ key }) => key.toLowerCase().includes(text.toLowerCase()))
        .map(({ key, runs }) => ({
          id: keyed(`${kind}s`, key),
          label: key,
          note: `in ${count(runs)} of ${count(found.data?.runs ?? 0)}`,
        }))
    : OTHERS.filter(({ label }) => label.toLowerCase().includes(text.toLowerCase())).map((one) => ({
        ...one,
        note: "",
      }))
  const flip = (id: string) =>
    onChange(columns.includes(id) ? columns.filter((one) => one !== id) : [...columns, id])
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step) setActive(Math.max(0, Math.min(list.length - 1, active + step)))
    else if (event.key === "Enter") {
      const one = list[active]
      if (one) flip(one.id)
    } else return
    event.preventDefault()
  }
  return (
    <div className={styles.picker} data-state={found.isFetching ? "loading" : "ready"}>
      {kinds.length > 1 && (
        <Segments
          label="Kind"
          value={kind}
          choices={kinds}
          onChange={(next) => {
            setKind(next)
            setActive(0)
          }}
        />
      )}
      <SearchField
        label="Find a key"
        value={text}
        autoFocus
        onChange={(next) => {
          setText(next)
          setActive(0)
        }}
        onKeyDown={onKeyDown}
      />
      <ul className={styles.list}>
        {list.map(({ id, label, note }, at) => (
          <li key={id} data-active={at === active ? "" : undefined}>
            <label title={label}>
              <input type="checkbox" checked={columns.includes(id)} onChange={() => flip(id)} />
              <span>{label}</span>
              <small>{note}</small>
            </label>
          </li>
        ))}
      </ul>
      {isKeyed && (found.data?.total ?? 0) > MOST && (
        <div className={styles.foot}>
          {count(MOST)} of {count(found.data?.total ?? 0)} keys; write a part of the name.
        </div>
      )}
    </div>
  )
}

export const GROUP_KINDS = KINDS.filter(({ key }) => key !== "metric")
