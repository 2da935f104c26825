import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query"
import { useParams, useSearch } from "@tanstack/react-router"
import { useState } from "react"
import { call } from "../../api/client"
import type { ApprovalRequest } from "../../api/generated"
import { Link } from "../../components/Link"
import { PageBody } from "../../components/PageBody"
import { gatesOf } from "../../components/registry/gates"
import { allRequestsQuery, policyQuery, versionQuery } from "../../components/registry/queries"
import styles from "../../components/registry/registry.module.css"
import { RequestState } from "../../components/registry/RequestState"
import { useHeading } from "../../components/shell/heading"
import { useShortcuts } from "../../lib/keys"
import { value as shortly } from "../../lib/format"
import { userName } from "../../lib/prefs"
import { useStore } from "../../lib/store"
import { paths } from "../../paths"
import { Badge } from "../../ui/Badge"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { CopyButton } from "../../ui/Copy"
import { Dialog } from "../../ui/Dialog"
import { Field } from "../../ui/Field"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { Table } from "../../ui/Table"
import { DateTime, TimeAgo } from "../../ui/Time"
import { toast } from "../../ui/Toast"

/** With the model's name one request is read; without it, those of all models are searched. */
const requestQuery = (id: string, model: string) =>
  queryOptions({
    queryKey: ["requests", "one", id, model],
    queryFn: async ({ signal, client }): Promise<ApprovalRequest> => {
      if (model)
        return (await call("getTransitionRequest", { name: model, id }, { signal })).request
      const found = (await client.fetchQuery(allRequestsQuery())).find((one) => one.id === id)
      if (!found) throw new Error(`There is no request ${id}.`)
      return found
    },
  })

type Verdict = "approve" | "reject"

export default function RequestPage() {
  const { id = "" } = useParams({ strict: false })
  const { model = "" } = useSearch({ strict: false }) as { model?: string }
  const found = useQuery(requestQuery(id, model))
  useHeading([
    { label: "Approvals", to: paths.approvals() },
    { label: found.data?.wish.name ?? id },
  ])
  if (found.isLoadingError)
    return <FailedState error={found.error} onRetry={() => void found.refetch()} />
  if (found.isPending) return <Skeleton />
  return <Request request={found.data} />
}

function Request({ request }: { request: ApprovalRequest }) {
  const { id, wish, evidence, state = "OPEN", opinions = [], approvals_needed } = request
  const client = useQueryClient()
  const me = useStore(userName)
  const [verdict, setVerdict] = useState<Verdict | null>(null)
  const [comment, setComment] = useState("")
  const [isBusy, setBusy] = useState(false)
  // A request of a policy that has changed since is refused as stale, so the present one is its own.
  const policy = useQuery(policyQuery(wish.name)).data
  const gates = policy ? gatesOf(policy, evidence) : []
  const run = useQuery(versionQuery(wish.name, evidence.version)).data?.run_id
  const seen = {
    run: run && paths.anyRun(run),
    version: paths.modelVersion(wish.name, evidence.version),
  }
  const agreed = new Set(
    opinions.flatMap((one) => (one.verdict === "APPROVE" ? [one.user_id] : [])),
  )
  const self = same(me || "anonymous", request.user_id) && policy?.self_approval !== true
  const blocked =
    state !== "OPEN"
      ? `It is ${state.toLowerCase()} already.`
      : self
        ? `${request.user_id} made the request and may not approve it.`
        : agreed.has(me || "anonymous") && "You have agreed already."
  useShortcuts([
    {
      keys: "a",
      label: "Approve",
      group: "Approval",
      run: () => !blocked && setVerdict("approve"),
    },
    {
      keys: "x",
      label: "Reject",
      group: "Approval",
      run: () => state === "OPEN" && setVerdict("reject"),
    },
  ])
  const decide = async () => {
    setBusy(true)
    try {
      const asked = { name: wish.name, id, comment: comment || undefined }
      await call(
        verdict === "approve" ? "approveTransitionRequest" : "rejectTransitionRequest",
        asked,
      )
      toast.done(verdict === "approve" ? "You agreed" : "The request is rejected")
      setVerdict(null)
      setComment("")
    } catch (error) {
      toast.failed("It was not decided", error)
    } finally {
      setBusy(false)
      await client.invalidateQueries({ queryKey: ["requests"] })
      await client.invalidateQueries({ queryKey: ["model", wish.name] })
    }
  }
  const target = wish.stage ?? wish.alias ?? ""
  const metrics = evidence.figures?.metrics ?? []
  const before = new Map(
    (evidence.current_figures?.metrics ?? []).map(({ key, value }) => [key, value]),
  )
  return (
    <PageBody
      title={
        wish.rollback
          ? `Take back ${target} of ${wish.name}`
          : `${wish.name} version ${wish.version ?? ""} to ${target}`
      }
      beside={<RequestState state={state} />}
      actions={
        <>
          <Button
            variant="danger"
            disabledBecause={state !== "OPEN" && `It is ${state.toLowerCase()} already.`}
            onClick={() => setVerdict("reject")}
          >
            Reject
          </Button>
          <Button variant="primary" disabledBecause={blocked} onClick={() => setVerdict("approve")}>
            Approve
          </Button>
        </>
      }
    >
      <div className={styles.columns}>
        <div className={styles.stack}>
          <Card title="What changes" isPadded>
            <dl className={styles.facts}>
              <dt>{wish.stage ? "Stage" : "Alias"}</dt>
              <dd>{target}</dd>
              <dt>Now</dt>
              <dd>
                {evidence.current_version ? (
                  <Link to={paths.modelVersion(wish.name, evidence.current_version)} data-inline="">
                    version {evidence.current_version}
                  </Link>
                ) : (
                  "empty"
                )}
              </dd>
              <dt>Then</dt>
              <dd>
                <Link to={paths.modelVersion(wish.name, evidence.version)} data-inline="">
                  version {evidence.version}
                </Link>
              </dd>
            </dl>
          </Card>
          <Card title="Gates">
            {gates.length === 0 ? (
              <EmptyState isInline title="The policy has no gates" />
            ) : (
              <Table caption="Gates" head={["", "Asked for", "Found"]}>
                {gates.map(({ what, has, holds, at }) => (
                  <tr key={what} data-gate={holds ? "holds" : "fails"}>
                    <td>
                      <Badge tone={holds ? "good" : "bad"}>{holds ? "holds" : "fails"}</Badge>
                    </td>
                    <td data-wrap="">{what}</td>
                    <td className="number">
                      {seen[at] ? (
                        <Link to={seen[at]} title={`Seen in the ${at}`} data-inline="">
                          {has}
                        </Link>
                      ) : (
                        has
                      )}
                    </td>
                  </tr>
                ))}
              </Table>
            )}
          </Card>
          <Card title="Evidence" note="frozen when it was asked for">
            {metrics.length > 0 && (
              <Table caption="Metrics" head={["Metric", "Now", "Then"]}>
                {metrics.map(({ key, value }) => (
                  <tr key={key}>
                    <td data-wrap="">{key}</td>
                    <NumberCell exact={before.get(key)} />
                    <NumberCell exact={value} />
                  </tr>
                ))}
              </Table>
            )}
            {run && (
              <p style={{ padding: "var(--space-3) var(--space-4) 0" }}>
                Measured by{" "}
                <Link to={paths.anyRun(run)} data-inline="">
                  run {run.slice(0, 8)}
                </Link>
              </p>
            )}
            <p
              className={`${styles.row} ${styles.mono}`}
              style={{ padding: "var(--space-3) var(--space-4)" }}
            >
              {evidence.digest}
              {evidence.digest && <CopyButton text={evidence.digest} label="Copy digest" />}
            </p>
          </Card>
        </div>
        <div className={styles.stack}>
          <Card title="Agreement" note={`${agreed.size} of ${approvals_needed}`} isPadded>
            <div className={styles.stack}>
              <Field
                label="You decide as"
                value={me}
                onChange={(name) => userName.set(name)}
                placeholder="anonymous"
                hint="Without accounts, names are what people say they are."
              />
              {request.expires_ms && (
                <p className={styles.muted}>
                  Runs out <DateTime at={request.expires_ms} />
                </p>
              )}
            </div>
          </Card>
          <Card title="Timeline" isPadded>
            <ol className={styles.timeline}>
              <li>
                <b>{request.user_id}</b> asked <TimeAgo at={request.creation_timestamp} />
              </li>
              {opinions.map(({ user_id, is_verified, verdict: said, comment: text, timestamp }) => (
                <li
                  key={`${timestamp}/${user_id}/${said}`}
                  data-tone={said === "APPROVE" ? "good" : said === "REJECT" ? "bad" : undefined}
                >
                  <b>{user_id}</b> {!is_verified && <small>(stated)</small>}{" "}
                  {
                    {
                      APPROVE: "agreed",
                      REJECT: "rejected it",
                      COMMENT: "said",
                      CANCEL: "took it back",
                    }[said]
                  }{" "}
                  <TimeAgo at={timestamp} />
                  {text && <p>{text}</p>}
                </li>
              ))}
            </ol>
          </Card>
        </div>
      </div>
      <Dialog
        open={verdict !== null}
        onClose={() => setVerdict(null)}
        title={verdict === "approve" ? "Approve the change" : "Reject the change"}
        text="What you say stays with the request for good."
        foot={
          <>
            <Button onClick={() => setVerdict(null)}>Cancel</Button>
            <Button
              variant={verdict === "approve" ? "primary" : "danger"}
              disabledBecause={isBusy && "It is being done."}
              onClick={() => void decide()}
            >
              {verdict === "approve" ? "Agree" : "Reject it"}
            </Button>
          </>
        }
      >
        <Field
          label="Reason"
          value={comment}
          onChange={setComment}
          onEnter={() => void decide()}
          autoFocus
        />
      </Dialog>
    </PageBody>
  )
}

/** Names that differ only in case or blanks are one person's. */
function same(one: string, other: string): boolean {
  const plain = (name: string) => name.trim().toLowerCase()
  return plain(one) === plain(other)
}

/** A metric's value as everywhere, exact in its title. */
function NumberCell({ exact }: { exact: string | undefined }) {
  return (
    <td className="number" title={exact}>
      {exact === undefined ? "–" : shortly(Number(exact))}
    </td>
  )
}
