import { queryOptions, useQuery } from "@tanstack/react-query"
import { useState, type ReactNode } from "react"
import { call } from "../../api/client"
import { useRefetchInterval } from "../../api/live"
import { PageBody } from "../../components/PageBody"
import styles from "../../components/registry/registry.module.css"
import { count, plural } from "../../lib/format"
import { Badge } from "../../ui/Badge"
import { Card } from "../../ui/Card"
import { Checkbox, SearchField } from "../../ui/Field"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { Table } from "../../ui/Table"
import { TimeAgo } from "../../ui/Time"

const LOOK_MS = 10_000

const serverQuery = () =>
  queryOptions({
    queryKey: ["server"],
    queryFn: ({ signal }) => call("getServerState", {}, { signal }),
  })

/** What the server runs on, and which settings are in force. */
export function ServerSection({ sections }: { sections: ReactNode }) {
  const refetchInterval = useRefetchInterval(LOOK_MS)
  const server = useQuery({ ...serverQuery(), refetchInterval })
  const [text, setText] = useState("")
  const [isAll, setAll] = useState(false)
  const told = server.data
  const wanted = text.trim().toLowerCase()
  const all = told?.settings ?? []
  const shown = all.filter(
    ({ name, doc, source }) =>
      (isAll || wanted !== "" || source !== "default") &&
      `${name} ${doc}`.toLowerCase().includes(wanted),
  )
  return (
    <PageBody title="Admin">
      {sections}
      {server.isPending && <Skeleton lines={6} />}
      {server.isLoadingError && (
        <FailedState error={server.error} onRetry={() => void server.refetch()} />
      )}
      {told && (
        <Card title={`Millrace ${told.version}`} isPadded>
          <dl className={styles.facts}>
            <dt>Records</dt>
            <dd>
              <Badge tone={told.is_ready ? "good" : "bad"} dot>
                {told.is_ready ? "ready" : "away"}
              </Badge>{" "}
              {told.store}
              {told.revision && `, schema revision ${told.revision}`}
              {told.message && <p className={styles.muted}>{told.message}</p>}
            </dd>
            <dt>Writes that wait</dt>
            <dd>{count(told.queue ?? 0)}</dd>
            <dt>This process began</dt>
            <dd>
              <TimeAgo at={told.started_ms} />
            </dd>
          </dl>
        </Card>
      )}
      {told && (
        <Card
          title="Settings"
          note={`${count(shown.length)} of ${plural(all.length, "setting")}`}
          tools={
            <>
              <Checkbox label="Defaults, too" checked={isAll} onChange={setAll} />
              <SearchField label="Find settings" value={text} onChange={setText} />
            </>
          }
        >
          {shown.length === 0 ? (
            <EmptyState
              isInline
              title={wanted ? "No setting has that in its name" : "All are at their defaults"}
            />
          ) : (
            <Table caption="Settings" head={["Name", "Value", "Set by", "Default", "What it does"]}>
              {shown.map(({ name, value, is_hidden, source, default: usual, doc }) => (
                <tr key={name} data-setting={name}>
                  <td data-wrap="" className={styles.mono}>
                    {name}
                  </td>
                  <td>{is_hidden ? "set, not shown" : (value ?? "–")}</td>
                  <td>{source}</td>
                  <td>{usual ?? "–"}</td>
                  <td data-wrap="">{doc}</td>
                </tr>
              ))}
            </Table>
          )}
        </Card>
      )}
      {told && (
        <p className={styles.muted}>
          Texts, such as addresses and folders, are not shown here: <code>millrace doctor</code> on
          the server&apos;s machine shows all. Settings are changed there, by variables and options.
        </p>
      )}
    </PageBody>
  )
}
