import { useQuery } from "@tanstack/react-query"
import { useParams } from "@tanstack/react-router"
import { useState } from "react"
import { Link } from "../../components/Link"
import { ofRun } from "../../components/artifacts/source"
import { PageBody } from "../../components/PageBody"
import { Prose } from "../../components/Prose"
import { PlaceDialog } from "../../components/registry/Place"
import {
  lineageQuery,
  manifestQuery,
  modelFileQuery,
  requestsQuery,
  versionQuery,
} from "../../components/registry/queries"
import styles from "../../components/registry/registry.module.css"
import { ServedBy } from "../../components/registry/ServedBy"
import { SignatureTable } from "../../components/registry/SignatureTable"
import { StageBadge } from "../../components/registry/StageBadge"
import { useHeading } from "../../components/shell/heading"
import { bytes, plural } from "../../lib/format"
import { serverAddress } from "../../lib/page"
import { paths } from "../../paths"
import { Badge } from "../../ui/Badge"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { Snippet } from "../../ui/Copy"
import { FailedState, Skeleton } from "../../ui/States"
import { Table } from "../../ui/Table"
import { DateTime, TimeAgo } from "../../ui/Time"

export default function VersionPage() {
  const { name = "", version = "" } = useParams({ strict: false })
  const label = `Version ${version}`
  useHeading(
    [{ label: "Models", to: paths.models() }, { label: name, to: paths.model(name) }, { label }],
    { to: paths.modelVersion(name, version), label: `${name} v${version}`, kind: "version" },
  )
  const [moving, setMoving] = useState<"stage" | "alias" | null>(null)
  const found = useQuery(versionQuery(name, version))
  const lineage = useQuery(lineageQuery(name, version))
  const manifest = useQuery(manifestQuery(name, version))
  const file = useQuery(modelFileQuery(name, version))
  const requests = useQuery(requestsQuery(name))
  if (found.isLoadingError) {
    return <FailedState error={found.error} onRetry={() => void found.refetch()} />
  }
  if (found.isPending) return <Skeleton />
  const one = found.data
  const own = (requests.data ?? []).filter(({ wish }) => wish.version === version)
  const files = manifest.data?.files ?? []
  const code = lineage.data?.code
  return (
    <PageBody
      title={`${name} · ${label}`}
      beside={<StageBadge stage={one.current_stage} />}
      actions={
        <>
          <Button icon="tag" onClick={() => setMoving("alias")}>
            Set alias
          </Button>
          <Button variant="primary" onClick={() => setMoving("stage")}>
            Change stage
          </Button>
        </>
      }
    >
      <div className={styles.columns}>
        <div className={styles.stack}>
          <Card title="Signature" isPadded>
            {file.isPending && <Skeleton lines={3} />}
            {file.isLoadingError && (
              <FailedState error={file.error} isInline onRetry={() => void file.refetch()} />
            )}
            {file.isSuccess && !file.data && (
              <p className={styles.muted}>This version has no MLmodel file.</p>
            )}
            {file.data && <SignatureTable inputs={file.data.inputs} outputs={file.data.outputs} />}
          </Card>
          <Card title="Use it" isPadded>
            <Snippet
              label="Python"
              text={`import mlflow\n\nmlflow.set_tracking_uri("${serverAddress()}")\nmodel = mlflow.pyfunc.load_model("models:/${name}/${version}")`}
            />
          </Card>
          <Card
            title="Files"
            note={
              manifest.data &&
              `${plural(files.length, "file")}, ${bytes(files.reduce((sum, { size }) => sum + size, 0))}`
            }
          >
            {manifest.data && manifest.data.state !== "RECORDED" && (
              <p className={styles.muted} style={{ padding: "var(--space-4)" }}>
                {manifest.data.message ?? "Nobody has looked at the files yet."}
              </p>
            )}
            {files.length > 0 && (
              <Table caption="Files as they were registered" head={["Path", "Size", "SHA-256"]}>
                {files.map(({ path, size, sha256 }) => (
                  <tr key={path}>
                    <td data-wrap="">{path}</td>
                    <td data-align="end">{bytes(size)}</td>
                    <td className={styles.mono} title={sha256}>
                      {sha256.slice(0, 16)}…
                    </td>
                  </tr>
                ))}
              </Table>
            )}
          </Card>
        </div>
        <div className={styles.stack}>
          <Card title="About" isPadded>
            <dl className={styles.facts}>
              <dt>Aliases</dt>
              <dd className={styles.row}>
                {(one.aliases ?? []).map((alias) => (
                  <Badge key={alias} tone="accent">
                    {alias}
                  </Badge>
                ))}
                {(one.aliases ?? []).length === 0 && "–"}
              </dd>
              <dt>State</dt>
              <dd>{one.status.replaceAll("_", " ").toLowerCase()}</dd>
              <dt>Registered</dt>
              <dd>
                <DateTime at={one.creation_timestamp} /> {one.user_id && `by ${one.user_id}`}
              </dd>
              <dt>Flavors</dt>
              <dd>{file.data?.flavors.join(", ") || "–"}</dd>
              <dt>Source</dt>
              <dd className={styles.mono}>{one.source}</dd>
              {(one.tags ?? []).map(({ key, value }) => (
                <FactRow key={key} name={key} text={value} />
              ))}
            </dl>
            {one.description && (
              <Prose text={one.description} source={one.run_id ? ofRun(one.run_id) : null} />
            )}
          </Card>
          <Card title="Made from" isPadded>
            <dl className={styles.facts}>
              <dt>Run</dt>
              <dd>
                {lineage.data?.run_id && lineage.data.experiment_id ? (
                  <Link
                    to={paths.run(lineage.data.experiment_id, lineage.data.run_id)}
                    data-inline=""
                  >
                    {lineage.data.run_id.slice(0, 8)}
                  </Link>
                ) : (
                  "–"
                )}
              </dd>
              <dt>Data sets</dt>
              <dd>
                {(lineage.data?.datasets ?? []).map(({ dataset }) => dataset.name).join(", ") ||
                  "–"}
              </dd>
              <dt>Code</dt>
              <dd className={styles.mono}>{code?.commit?.slice(0, 12) ?? code?.source ?? "–"}</dd>
              {lineage.data?.parent && (
                <>
                  <dt>Copy of</dt>
                  <dd>
                    <Link
                      to={paths.modelVersion(lineage.data.parent.name, lineage.data.parent.version)}
                      data-inline=""
                    >
                      {lineage.data.parent.name} v{lineage.data.parent.version}
                    </Link>
                  </dd>
                </>
              )}
            </dl>
          </Card>
          <ServedBy servers={lineage.data?.served_by ?? []} />
          <Card title="Requests" isPadded>
            {own.length === 0 && <p className={styles.muted}>None was made for this version.</p>}
            <ul className={styles.stack}>
              {own.map(({ id, wish, state = "OPEN", creation_timestamp }) => (
                <li key={id}>
                  <Link
                    to={`${paths.approval(id)}?model=${encodeURIComponent(name)}`}
                    data-inline=""
                  >
                    to {wish.stage ?? wish.alias}
                  </Link>{" "}
                  {state.toLowerCase()}, <TimeAgo at={creation_timestamp} />
                </li>
              ))}
            </ul>
          </Card>
        </div>
      </div>
      {moving && <PlaceDialog version={one} kind={moving} onClose={() => setMoving(null)} />}
    </PageBody>
  )
}

function FactRow({ name, text }: { name: string; text: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{text}</dd>
    </>
  )
}
