import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query"
import { useSearch } from "@tanstack/react-router"
import { useState } from "react"
import { call, type Asked } from "../../api/client"
import { useFollowed } from "../../api/live"
import type { TrashEmptied, TrashItem, VersionName } from "../../api/generated"
import { Link } from "../../components/Link"
import { PageBody } from "../../components/PageBody"
import { useHeading } from "../../components/shell/heading"
import { bytes, count, plural } from "../../lib/format"
import { paths } from "../../paths"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { ConfirmDialog, Dialog, FOR_GOOD } from "../../ui/Dialog"
import { Field } from "../../ui/Field"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { Table } from "../../ui/Table"
import { tabs } from "../../ui/Tabs"
import { TimeAgo } from "../../ui/Time"
import { toast } from "../../ui/Toast"

const KINDS = [
  ["experiment", "Experiments"],
  ["run", "Runs"],
  ["logged_model", "Logged models"],
] as const
type Kind = (typeof KINDS)[number][0]

const SHOWN = 200
const DAY_MS = 86_400_000
const USUAL_DAYS = 30

const trashQuery = (kind: Kind) =>
  queryOptions({
    queryKey: ["trash", kind],
    queryFn: ({ signal }) =>
      call("searchTrash", { kind, alone: true, max_results: SHOWN }, { signal }),
  })

/** What is to be removed for good: one thing, or all that has been here for some days. */
interface Doomed {
  name: string
  asked: Asked<"emptyTrash">
}

const oneOf = (item: TrashItem): Doomed => ({
  name: item.name,
  asked: {
    experiment: { experiment_ids: [item.id] },
    run: { run_ids: [item.id] },
    logged_model: { logged_model_ids: [item.id] },
  }[item.kind],
})

const olderThan = (days: number): Doomed => ({
  name:
    days === 0
      ? "everything in the trash"
      : `what was deleted ${plural(days, "day")} ago or earlier`,
  asked: { older_than_ms: days * DAY_MS },
})

/** What was deleted: to be restored, or removed for good. */
export default function TrashPage() {
  const { kind: asked } = useSearch({ strict: false }) as { kind?: string }
  const [kind, label] = KINDS.find(([key]) => key === asked) ?? KINDS[0]
  useHeading([{ label: "Trash" }])
  const client = useQueryClient()
  const found = useQuery(trashQuery(kind))
  useFollowed({ topics: ["experiments", "runs"] }, ["trash", kind])
  const [doomed, setDoomed] = useState<Doomed | null>(null)
  const [isAsking, setAsking] = useState(false)

  const restore = async (item: TrashItem) => {
    try {
      if (item.kind === "experiment") await call("restoreExperiment", { experiment_id: item.id })
      else if (item.kind === "run") await call("restoreRun", { run_id: item.id })
      else await call("restoreLoggedModel", { model_id: item.id })
      toast.done(`${item.name} is back`)
    } catch (error) {
      toast.failed("It was not restored", error)
    }
    await client.invalidateQueries()
  }
  const items = found.data?.items ?? []
  return (
    <PageBody
      title="Trash"
      actions={
        <Button icon="trash" onClick={() => setAsking(true)}>
          Empty the trash
        </Button>
      }
    >
      <nav className={tabs.list} aria-label="Kinds">
        {KINDS.map(([key, text]) => (
          <Link
            key={key}
            to={`${paths.trash()}?kind=${key}`}
            className={tabs.tab}
            aria-current={key === kind ? "page" : undefined}
          >
            {text}
          </Link>
        ))}
      </nav>
      {found.isPending && <Skeleton lines={6} />}
      {found.isLoadingError && (
        <FailedState error={found.error} onRetry={() => void found.refetch()} />
      )}
      {found.isSuccess && items.length === 0 && (
        <EmptyState
          icon="trash"
          title="Nothing here"
          hint="What is deleted stays here until somebody restores it or removes it for good."
        />
      )}
      {items.length > 0 && (
        <Card
          title={label}
          note={found.data?.next_page_token ? `the first ${SHOWN}` : count(items.length)}
        >
          <Table caption={label} head={["Name", "Deleted", "Holds", "Needed by", "Id", ""]}>
            {items.map((item) => (
              <tr key={item.id}>
                <td data-wrap>{item.name}</td>
                <td>
                  {item.deleted_ms ? <TimeAgo at={item.deleted_ms} /> : "before this version"}
                </td>
                <td>
                  {item.kind === "experiment" && `${plural(item.runs ?? 0, "run")}, `}
                  {plural(item.points ?? 0, "point")}
                </td>
                <td>
                  <NeededBy versions={item.needed_by ?? []} />
                </td>
                <td>
                  <code>{item.id}</code>
                </td>
                <td data-align="end">
                  <Button
                    size="s"
                    icon="restore"
                    disabledBecause={item.purging && "Its removal has begun."}
                    onClick={() => void restore(item)}
                  >
                    Restore
                  </Button>{" "}
                  <Button
                    size="s"
                    variant="quiet"
                    icon="trash"
                    disabledBecause={whyKept(item.needed_by ?? [])}
                    onClick={() => setDoomed(oneOf(item))}
                  >
                    Delete for good
                  </Button>
                </td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
      {isAsking && (
        <AgeDialog
          onClose={() => setAsking(false)}
          onAge={(days) => {
            setAsking(false)
            setDoomed(olderThan(days))
          }}
        />
      )}
      {doomed && (
        <RemoveDialog
          of={doomed}
          onClose={() => setDoomed(null)}
          onDone={() => void client.invalidateQueries()}
        />
      )}
    </PageBody>
  )
}

const NAMED = 3

/** Links to versions in the registry that have their files, or come, from a thing. */
function NeededBy({ versions }: { versions: readonly VersionName[] }) {
  const rest = versions.length - NAMED
  return (
    <>
      {versions.slice(0, NAMED).map(({ name, version }, at) => (
        <span key={`${name}/${version}`}>
          {at > 0 && ", "}
          <Link to={paths.modelVersion(name, version)}>{`${name}/${version}`}</Link>
        </span>
      ))}
      {rest > 0 && ` and ${count(rest)} more`}
    </>
  )
}

const whyKept = ([first]: readonly VersionName[]) =>
  first ? `Model version ${first.name}/${first.version} needs it. Delete that first.` : null

/** How long a thing must have been in the trash to go. */
function AgeDialog({ onClose, onAge }: { onClose: () => void; onAge: (days: number) => void }) {
  const [text, setText] = useState(String(USUAL_DAYS))
  const isWhole = /^\d{1,5}$/.test(text.trim())
  const go = () => {
    if (isWhole) onAge(Number(text))
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title="Empty the trash"
      text="What would go is counted first; nothing is removed before you agree."
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            disabledBecause={!isWhole && "Write a whole number of days."}
            onClick={go}
          >
            Count what would go
          </Button>
        </>
      }
    >
      <Field
        label="Deleted at least so many days ago"
        value={text}
        onChange={setText}
        onEnter={go}
        inputMode="numeric"
        autoFocus
        hint="0 takes everything. Whoever runs the server may do the same each night by millrace gc."
      />
    </Dialog>
  )
}

/** Says what would go, and lets it go when the words are written. */
function RemoveDialog({
  of: { name, asked },
  onClose,
  onDone,
}: {
  of: Doomed
  onClose: () => void
  onDone: () => void
}) {
  const [isBusy, setBusy] = useState(false)
  const plan = useQuery({
    queryKey: ["trash", "plan", asked],
    queryFn: ({ signal }) => call("emptyTrash", { ...asked, dry_run: true }, { signal }),
    // What is on its way out is not asked about again, whatever changes meanwhile.
    enabled: !isBusy,
    gcTime: 0,
  })
  const remove = async () => {
    setBusy(true)
    try {
      let done: TrashEmptied
      do done = await call("emptyTrash", asked)
      while (done.more)
      const kept = (done.removals ?? []).find(
        ({ outcome }) => outcome === "kept" || outcome === "failed",
      )
      if (kept)
        toast.failed(
          `${kept.name} is still there`,
          new Error(kept.reason ?? "No reason was given."),
        )
      else toast.done(`${name} is gone`)
    } catch (error) {
      toast.failed("It is still there", error)
    }
    onClose()
    onDone()
  }
  return (
    <ConfirmDialog
      open
      onClose={onClose}
      onConfirm={() => void remove()}
      title={`Delete ${name} for good?`}
      text={
        plan.data
          ? told(plan.data)
          : plan.isLoadingError
            ? plan.error.message
            : "Counting what would go…"
      }
      typed={FOR_GOOD}
      refused={plan.isError ? plan.error.message : null}
      action="Delete for good"
      isBusy={isBusy}
    />
  )
}

function told({ removals = [], more }: TrashEmptied): string {
  const going = removals.filter(({ outcome }) => outcome === "would_remove")
  const kept = removals.filter(({ outcome }) => outcome === "kept")
  const sum = (of: "points" | "files" | "bytes") =>
    going.reduce((total, one) => total + (one[of] ?? 0), 0)
  const parts = [
    plural(going.filter(({ kind }) => kind === "run").length, "run"),
    plural(sum("points"), "point"),
    `${plural(sum("files"), "file")} (${bytes(sum("bytes"))})`,
  ]
  const rest =
    kept.length > 0 ? ` ${plural(kept.length, "thing")} would stay: ${kept[0]?.reason ?? ""}` : ""
  if (going.length === 0)
    return kept.length === 0 ? "Nothing in the trash is that old." : `Nothing would go.${rest}`
  return `This removes ${more ? "at least " : ""}${parts.join(", ")}, and cannot be undone.${rest}`
}
