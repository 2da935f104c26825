import { keepPreviousData, useQueries, useQuery } from "@tanstack/react-query"
import { useCallback, useEffect, useMemo, useState } from "react"
import { count, plural } from "../../lib/format"
import { density, ROW_HEIGHT } from "../../lib/prefs"
import { useStore } from "../../lib/store"
import { Button } from "../../ui/Button"
import { SearchField } from "../../ui/Field"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { DataGrid, type GridColumn, type GridRow } from "../grid/DataGrid"
import { ColumnDialog } from "./ColumnDialog"
import type { PreviewProps } from "./Preview"
import styles from "./Preview.module.css"
import { FIRST_ROWS, PAGE, tableQuery } from "./source"

const COLUMN = 150
const PAUSE_MS = 250

interface Row extends GridRow {
  page: number
  place: number
}

/** A table of any length: the server reads, sorts and searches it, and gives the pages in sight. */
export default function TableView({ source, file }: PreviewProps) {
  const rowHeight = ROW_HEIGHT[useStore(density)]
  const [active, setActive] = useState(0)
  const [sort, setSort] = useState<{ column: string; isDescending: boolean } | null>(null)
  const [widths, setWidths] = useState<Record<string, number>>({})
  const [text, setText] = useState("")
  const [[first, last], setSight] = useState<[number, number]>([0, 0])
  const [sought, setSought] = useState("")
  const [where, setWhere] = useState<readonly string[]>([])
  const [looked, setLooked] = useState<string | null>(null)
  useEffect(() => {
    // A search is a reading of the whole table: not one for each letter.
    const timer = setTimeout(() => setSought(text.trim()), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [text])
  const asked = {
    limit: PAGE,
    sort_by: sort?.column,
    descending: sort?.isDescending || undefined,
    text: sought || undefined,
    where: where.length > 0 ? where : undefined,
  }
  const isNarrowed = sought !== "" || where.length > 0
  const page = (number: number) =>
    number === 0 ? { ...asked, ...FIRST_ROWS } : { ...asked, offset: number * PAGE }
  const head = useQuery({
    ...tableQuery(source, file.path, page(0)),
    placeholderData: keepPreviousData,
  })
  // What takes a reading of the whole file comes after the first rows.
  const counted = useQuery({
    ...tableQuery(source, file.path, { offset: 0, limit: 0 }),
    enabled: head.data?.is_uncounted === true,
  })
  const pages = useQueries({
    queries: Array.from({ length: last - first + 1 }, (_, at) =>
      tableQuery(source, file.path, page(first + at)),
    ),
  })
  const onSight = useCallback((from: number, to: number) => {
    const next: [number, number] = [Math.floor(from / PAGE), Math.floor(to / PAGE)]
    setSight((held) => (held[0] === next[0] && held[1] === next[1] ? held : next))
  }, [])
  const columns = useMemo(
    () =>
      (head.data?.columns ?? []).map(({ name, type, is_number }, at): GridColumn => {
        const column: GridColumn = {
          id: String(at),
          label: name,
          title: `${name}: ${type}`,
          width: widths[at] ?? COLUMN,
          menu: [{ label: "Figures and filter", icon: "filter", onSelect: () => setLooked(name) }],
        }
        if (is_number) column.align = "end"
        if (sort?.column === name) column.sort = { isDescending: sort.isDescending, place: 0 }
        return column
      }),
    [head.data, widths, sort],
  )
  if (head.isPending) return <Skeleton label="Loading the table" />
  if (head.isLoadingError)
    return <FailedState error={head.error} onRetry={() => void head.refetch()} />
  const { total, rows, is_cut } = (head.data.is_uncounted && counted.data) || head.data
  const isCounting = head.data.is_uncounted === true && !counted.data
  const nameOf = (id: string) => head.data.columns?.[Number(id)]?.name ?? ""
  const failed = [counted, ...pages].find(({ isLoadingError }) => isLoadingError)
  const cell = ({ page, place }: Row, { id }: GridColumn) => {
    const held = page === 0 ? head.data : pages[page - first]?.data
    const value: unknown = held?.columns?.[Number(id)]?.values?.[place]
    if (value === null || value === undefined) return null
    return <span title={String(value)}>{String(value)}</span>
  }
  return (
    <div className={styles.text} data-state={head.isPlaceholderData ? "loading" : "ready"}>
      <div className={styles.bar}>
        <SearchField label="Find in the table" value={text} onChange={setText} />
        <span role="status">
          {isNarrowed && `${count(total)} of `}
          {isCounting && "more than "}
          {plural(rows, "row")}, {plural(columns.length, "column")}
          {is_cut && " (the first part of the file)"}
        </span>
        {where.length > 0 && (
          <div className={styles.conditions} role="group" aria-label="Filters">
            {where.map((one) => (
              <Button
                key={one}
                size="s"
                icon="close"
                aria-label={`Remove ${one}`}
                onClick={() => setWhere(where.filter((other) => other !== one))}
              >
                {one}
              </Button>
            ))}
          </div>
        )}
      </div>
      {looked !== null && (
        <ColumnDialog
          source={source}
          path={file.path}
          column={looked}
          asked={{ text: asked.text, where: asked.where }}
          onNarrow={(more) => {
            setWhere([...new Set([...where, ...more])])
            setActive(0)
            setLooked(null)
          }}
          onClose={() => setLooked(null)}
        />
      )}
      {failed && (
        <FailedState isInline error={failed.error} onRetry={() => void failed.refetch()} />
      )}
      {total === 0 ? (
        <EmptyState
          icon="table"
          title={isNarrowed ? "No row is like that" : "The table has no rows"}
        />
      ) : (
        <DataGrid<Row>
          label="Table"
          count={total}
          row={(index) => ({
            id: String(index),
            page: Math.floor(index / PAGE),
            place: index % PAGE,
          })}
          columns={columns}
          cell={cell}
          rowHeight={rowHeight}
          active={Math.min(active, total - 1)}
          onActive={setActive}
          isSelected={() => false}
          onSight={onSight}
          onSort={(id) =>
            setSort({
              column: nameOf(id),
              isDescending: sort?.column === nameOf(id) && !sort.isDescending,
            })
          }
          onResize={(id, width) => setWidths({ ...widths, [id]: width ?? COLUMN })}
          state="ready"
          version={
            [head, counted, ...pages].map(({ dataUpdatedAt }) => dataUpdatedAt).join() + first
          }
        />
      )}
    </div>
  )
}
