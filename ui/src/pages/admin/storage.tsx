import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useState, type ReactNode } from "react"
import { call } from "../../api/client"
import type { Measured, StorageOfExperiment } from "../../api/generated"
import { storageAnew, storageQuery } from "../../api/overview"
import { Link } from "../../components/Link"
import { PageBody } from "../../components/PageBody"
import styles from "../../components/registry/registry.module.css"
import { bytes, count, duration, plural } from "../../lib/format"
import { paths } from "../../paths"
import { Badge } from "../../ui/Badge"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { Table } from "../../ui/Table"
import { TimeAgo } from "../../ui/Time"
import { toast } from "../../ui/Toast"

const HEAD = ["Experiment", ">Files", ">Bytes", ">Of them models", "Where", "In the store now", ""]
const OWNER_HEAD = ["Owner", ">Experiments", ">Files", ">Bytes", ">Of them models"]

/** How much is kept, by owner and by experiment. */
export function StorageSection({ sections }: { sections: ReactNode }) {
  const client = useQueryClient()
  const storage = useQuery(storageQuery())
  const [isBusy, setBusy] = useState(false)
  const anew = async () => {
    setBusy(true)
    try {
      client.setQueryData(storageQuery().queryKey, await storageAnew())
    } catch (error) {
      toast.failed("It could not be added up", error)
    } finally {
      setBusy(false)
    }
  }
  const told = storage.data
  return (
    <PageBody
      title="Admin"
      actions={
        <Button
          icon="refresh"
          disabledBecause={isBusy && "It is being added up."}
          onClick={() => void anew()}
        >
          Add up anew
        </Button>
      }
    >
      {sections}
      {storage.isPending && <Skeleton lines={6} />}
      {storage.isLoadingError && (
        <FailedState error={storage.error} onRetry={() => void storage.refetch()} />
      )}
      {told && (
        <Card title="Kept here" isPadded>
          <dl className={styles.facts}>
            <dt>All files</dt>
            <dd>
              {bytes(told.bytes)} in {plural(told.files, "file")}
            </dd>
            {(told.other_files ?? 0) > 0 && (
              <>
                <dt>In no experiment's place</dt>
                <dd>
                  {bytes(told.other_bytes ?? 0)} in {plural(told.other_files ?? 0, "file")}
                </dd>
              </>
            )}
            <dt>Added up</dt>
            <dd>
              <TimeAgo at={told.measured_ms} />, in {duration(told.took_ms)}
            </dd>
          </dl>
          <p className={styles.muted}>
            These are the files whose bytes came through this server, runs in the trash included.
            What clients put into a store of their own shows when its store is looked through.
          </p>
        </Card>
      )}
      {told && (told.experiments ?? []).length === 0 && (
        <EmptyState isInline title="No experiment keeps a file here yet" />
      )}
      {told && (told.owners ?? []).length > 0 && (
        <Card title="By owner" note="as its run bears it">
          <Table caption="Storage by owner" head={OWNER_HEAD}>
            {(told.owners ?? []).map((one) => (
              <tr key={one.owner} data-owner={one.owner}>
                <td data-wrap="">
                  {one.owner || <span className={styles.muted}>nobody's, or of no run</span>}
                </td>
                <td data-align="end">{count(one.experiments)}</td>
                <td data-align="end">{count(one.files)}</td>
                <td data-align="end" title={`${count(one.bytes)} bytes`}>
                  {bytes(one.bytes)}
                </td>
                <td data-align="end">{one.model_files ? bytes(one.model_bytes ?? 0) : "–"}</td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
      {told && (told.experiments ?? []).length > 0 && (
        <Card
          title="By experiment"
          note={told.more ? `the largest; ${count(told.more)} more` : "the largest first"}
        >
          <Table caption="Storage by experiment" head={HEAD}>
            {(told.experiments ?? []).map((one) => (
              <ExperimentRow key={one.experiment_id} of={one} />
            ))}
          </Table>
        </Card>
      )}
    </PageBody>
  )
}

function ExperimentRow({ of }: { of: StorageOfExperiment }) {
  const [found, setFound] = useState<Measured | "busy" | null>(null)
  const measure = async () => {
    setFound("busy")
    try {
      setFound(await call("measureStorage", { experiment_id: of.experiment_id }))
    } catch (error) {
      setFound(null)
      toast.failed(`The store of ${of.name} could not be looked through`, error)
    }
  }
  return (
    <tr data-experiment={of.experiment_id}>
      <td data-wrap="">
        {of.lifecycle_stage === "deleted" ? (
          <>
            {of.name} <Badge>in the trash</Badge>
          </>
        ) : (
          <Link to={paths.experiment(of.experiment_id)}>{of.name}</Link>
        )}
      </td>
      <td data-align="end">{count(of.files)}</td>
      <td data-align="end" title={`${count(of.bytes)} bytes`}>
        {bytes(of.bytes)}
      </td>
      <td data-align="end">{of.model_files ? bytes(of.model_bytes ?? 0) : "–"}</td>
      <td data-wrap="" className={styles.mono}>
        {of.location}
      </td>
      <td>
        {found === "busy" && "Looking…"}
        {found !== null && found !== "busy" && (
          <span title={`Looked through in ${duration(found.took_ms)}`}>
            {found.is_partial && "At least "}
            {bytes(found.bytes)} in {plural(found.files, "file")}
          </span>
        )}
      </td>
      <td data-align="end">
        <Button
          size="s"
          disabledBecause={found === "busy" && "It is being looked through."}
          onClick={() => void measure()}
        >
          Look through
        </Button>
      </td>
    </tr>
  )
}
