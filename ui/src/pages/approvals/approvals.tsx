import { useQuery } from "@tanstack/react-query"
import { useState } from "react"
import { useRefusals } from "../../api/capabilities"
import { Link } from "../../components/Link"
import { PageBody } from "../../components/PageBody"
import { allRequestsQuery, type RequestsAsked } from "../../components/registry/queries"
import { RequestState } from "../../components/registry/RequestState"
import { useHeading } from "../../components/shell/heading"
import { plural } from "../../lib/format"
import { paths } from "../../paths"
import { Card } from "../../ui/Card"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { Table } from "../../ui/Table"
import { Segments } from "../../ui/Tabs"
import { TimeAgo } from "../../ui/Time"

const SIDES = [
  { key: "me", label: "For me" },
  { key: "waiting", label: "Waiting" },
  { key: "mine", label: "Mine" },
  { key: "decided", label: "Decided" },
] as const
type Side = (typeof SIDES)[number]["key"]

const ASKED: Record<Side, RequestsAsked> = {
  me: { waiting_for_me: true },
  waiting: { states: ["OPEN"] },
  mine: { mine: true },
  decided: { states: ["APPROVED", "REJECTED", "CANCELLED", "EXPIRED"] },
}

export default function ApprovalsPage() {
  useHeading([{ label: "Approvals" }])
  const why = useRefusals({})("searchTransitionRequests")
  const [side, setSide] = useState<Side>("waiting")
  const requests = useQuery(allRequestsQuery(ASKED[side]))
  if (requests.isLoadingError) {
    return <FailedState error={requests.error} onRetry={() => void requests.refetch()} />
  }
  const list = requests.data ?? []
  return (
    <PageBody
      title="Approvals"
      actions={<Segments label="Which" value={side} onChange={setSide} choices={SIDES} />}
    >
      {requests.isPending ? (
        <Skeleton />
      ) : list.length === 0 ? (
        <EmptyState
          icon="approvals"
          title={
            why
              ? "No registry here"
              : side === "me" || side === "waiting"
                ? "Nothing waits for a decision"
                : "None here"
          }
          hint={
            why ??
            "Changes of stages and aliases that a policy guards are asked for on the page of a version."
          }
        />
      ) : (
        <Card title="Requests" note={plural(list.length, "request")}>
          <Table caption="Requests" head={["Model", "Change", "State", "Agreed", "By", "Asked"]}>
            {list.map(
              ({
                id,
                wish,
                state = "OPEN",
                opinions = [],
                approvals_needed,
                user_id,
                creation_timestamp,
              }) => (
                <tr key={id}>
                  <td data-wrap="">{wish.name}</td>
                  <td>
                    <Link to={`${paths.approval(id)}?model=${encodeURIComponent(wish.name)}`}>
                      {wish.rollback ? "back from" : `version ${wish.version ?? "–"} to`}{" "}
                      {wish.stage ?? wish.alias}
                    </Link>
                  </td>
                  <td>
                    <RequestState state={state} />
                  </td>
                  <td className="number">
                    {opinions.filter(({ verdict }) => verdict === "APPROVE").length} of{" "}
                    {approvals_needed}
                  </td>
                  <td>{user_id}</td>
                  <td>
                    <TimeAgo at={creation_timestamp} />
                  </td>
                </tr>
              ),
            )}
          </Table>
        </Card>
      )}
    </PageBody>
  )
}
