import { infiniteQueryOptions, keepPreviousData, useInfiniteQuery } from "@tanstack/react-query"
import { useDeferredValue, useState } from "react"
import { call } from "../../api/client"
import type { AuditEntry } from "../../api/generated"
import { save } from "../../charts/export"
import { verify, type Verdict } from "../../components/audit/verify"
import { PageBody } from "../../components/PageBody"
import styles from "../../components/registry/registry.module.css"
import { useHeading } from "../../components/shell/heading"
import { count, plural } from "../../lib/format"
import { Badge } from "../../ui/Badge"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Dialog } from "../../ui/Dialog"
import { Field } from "../../ui/Field"
import { EmptyState, FailedState, NoticeBar, Skeleton } from "../../ui/States"
import { Table } from "../../ui/Table"
import { DateTime } from "../../ui/Time"
import { toast } from "../../ui/Toast"

const PAGE = 100
const CHAIN = 1000

const NONE = { actor: "", action: "", kind: "", id: "" }
type Filters = typeof NONE

const entriesQuery = (filters: Filters) =>
  infiniteQueryOptions({
    queryKey: ["audit", filters],
    queryFn: async ({ pageParam, signal }) => {
      const given = Object.fromEntries(Object.entries(filters).filter(([, text]) => text.trim()))
      const asked = { ...given, max_results: PAGE, page_token: pageParam }
      return await call("listAuditEntries", asked, { signal })
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ next_page_token }) => next_page_token,
    placeholderData: keepPreviousData,
  })

export default function AuditPage() {
  useHeading([{ label: "Audit" }])
  const [filters, setFilters] = useState(NONE)
  const [shown, setShown] = useState<AuditEntry | null>(null)
  const entries = useInfiniteQuery(entriesQuery(useDeferredValue(filters)))
  const [progress, setProgress] = useState<number | null>(null)
  const [verdict, setVerdict] = useState<Verdict | null>(null)
  const list = entries.data?.pages.flatMap((page) => page.entries ?? []) ?? []
  const check = async () => {
    setProgress(0)
    setVerdict(null)
    try {
      const read = (after: number) => call("getAuditChain", { after, max_results: CHAIN })
      setVerdict(await verify(read, setProgress))
    } catch (error) {
      toast.failed("The trail could not be read", error)
    } finally {
      setProgress(null)
    }
  }
  const field = (key: keyof Filters, label: string, placeholder: string) => (
    <Field
      label={label}
      value={filters[key]}
      placeholder={placeholder}
      onChange={(text) => setFilters({ ...filters, [key]: text })}
    />
  )
  return (
    <PageBody
      title="Audit"
      actions={
        <>
          <Button
            icon="download"
            disabledBecause={list.length === 0 && "There is nothing to export."}
            onClick={() =>
              save(
                "audit.jsonl",
                list.map((one) => JSON.stringify(one)).join("\n"),
                "application/x-ndjson",
              )
            }
          >
            Export shown
          </Button>
          <Button
            variant="primary"
            icon="approvals"
            disabledBecause={progress !== null && "It is being verified."}
            onClick={() => void check()}
          >
            Verify the chain
          </Button>
        </>
      }
    >
      {progress !== null && (
        <NoticeBar tone="info">{plural(progress, "entry", "entries")} verified so far.</NoticeBar>
      )}
      {verdict && (
        <div data-verdict={verdict.problem ? "broken" : "intact"}>
          <NoticeBar tone={verdict.problem ? "warn" : "info"}>
            {verdict.problem ? (
              <>
                <b>Not intact.</b> {verdict.problem.text}
              </>
            ) : (
              <>
                <b>Intact.</b> {plural(verdict.entries, "entry", "entries")} and{" "}
                {plural(verdict.heads, "signed head")} were checked in this browser
                {verdict.hasSignatures ? "." : "; it cannot check signatures, only hashes."}
              </>
            )}
          </NoticeBar>
        </div>
      )}
      <div className={styles.filters}>
        {field("actor", "Who", "ada")}
        {field("action", "Action", "registered_model.create")}
        {field("kind", "Kind", "model_version")}
        {field("id", "Object", "its id")}
      </div>
      {entries.isLoadingError ? (
        <FailedState error={entries.error} onRetry={() => void entries.refetch()} />
      ) : entries.isPending ? (
        <Skeleton />
      ) : list.length === 0 ? (
        <EmptyState
          icon="audit"
          title="No entry"
          hint="Changes leave an entry in the transaction that makes them."
        />
      ) : (
        <Card title="Entries" note={`${count(list.length)} shown`}>
          <Table
            caption="Audit entries, the newest first"
            head={["No.", "When", "Who", "Action", "Object", "Result", "From"]}
          >
            {list.map((entry) => (
              <tr key={entry.seq}>
                <td className="number">
                  <Button
                    size="s"
                    variant="quiet"
                    aria-label={`Entry ${entry.seq}`}
                    onClick={() => setShown(entry)}
                  >
                    {entry.seq}
                  </Button>
                </td>
                <td>
                  <DateTime at={entry.at_ms} />
                </td>
                <td data-wrap="">
                  {entry.actor}{" "}
                  {!entry.verified && <small className={styles.muted}>(stated)</small>}
                </td>
                <td>{entry.action}</td>
                <td data-wrap="">
                  {entry.kind} {entry.id}
                </td>
                <td>
                  {entry.outcome === "refused" ? (
                    <Badge tone="bad">refused</Badge>
                  ) : (
                    <Badge tone="good">done</Badge>
                  )}
                </td>
                <td>{entry.address}</td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
      {entries.hasNextPage && (
        <Button
          onClick={() => void entries.fetchNextPage()}
          disabledBecause={entries.isFetching && "It is being read."}
        >
          Older entries
        </Button>
      )}
      <Dialog
        open={shown !== null}
        onClose={() => setShown(null)}
        size="wide"
        title={`Entry ${shown?.seq ?? ""}: ${shown?.action ?? ""}`}
        text={shown?.reason && `Reason: ${shown.reason}`}
      >
        {shown && (
          <>
            <Table caption="What changed" head={["Field", "Before", "After"]}>
              {Object.entries(shown.changes ?? {}).map(([name, [before, after]]) => (
                <tr key={name}>
                  <td data-wrap="">{name}</td>
                  <td data-wrap="">{told(before)}</td>
                  <td data-wrap="">{told(after)}</td>
                </tr>
              ))}
            </Table>
            <p className={styles.mono}>request {shown.request_id ?? "–"}</p>
          </>
        )}
      </Dialog>
    </PageBody>
  )
}

function told(value: unknown): string {
  if (value === null || value === undefined) return "–"
  return typeof value === "string" ? value : JSON.stringify(value)
}
