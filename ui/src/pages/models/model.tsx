import { useQuery, useQueryClient } from "@tanstack/react-query"
import { useParams } from "@tanstack/react-router"
import { useVirtualizer } from "@tanstack/react-virtual"
import { useRef, useState } from "react"
import { call } from "../../api/client"
import type { ModelVersion } from "../../api/generated"
import { Link, useGo } from "../../components/Link"
import { PageBody } from "../../components/PageBody"
import { Prose } from "../../components/Prose"
import { PlaceDialog } from "../../components/registry/Place"
import {
  modelQuery,
  policyQuery,
  requestsQuery,
  versionsQuery,
} from "../../components/registry/queries"
import styles from "../../components/registry/registry.module.css"
import { StageBadge } from "../../components/registry/StageBadge"
import { useHeading } from "../../components/shell/heading"
import { plural } from "../../lib/format"
import { paths } from "../../paths"
import { Badge } from "../../ui/Badge"
import { Button, IconButton } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { TimeAgo } from "../../ui/Time"
import { toast } from "../../ui/Toast"

const ROW = 36

export default function ModelPage() {
  const { name = "" } = useParams({ strict: false })
  useHeading([{ label: "Models", to: paths.models() }, { label: name }], {
    to: paths.model(name),
    label: name,
    kind: "model",
  })
  const client = useQueryClient()
  const go = useGo()
  const model = useQuery(modelQuery(name))
  const versions = useQuery(versionsQuery(name))
  const policy = useQuery(policyQuery(name))
  const requests = useQuery(requestsQuery(name))
  const [chosen, setChosen] = useState<readonly string[]>([])
  const [moving, setMoving] = useState<ModelVersion | null>(null)
  if (model.isLoadingError) {
    return <FailedState error={model.error} onRetry={() => void model.refetch()} />
  }
  if (model.isPending) return <Skeleton />
  const open = (requests.data ?? []).filter(({ state = "OPEN" }) => state === "OPEN")
  const drop = async (alias: string) => {
    try {
      await call("deleteRegisteredModelAlias", { name, alias })
      toast.done(`${alias} is gone`)
    } catch (error) {
      toast.failed("The alias is as it was", error)
    }
    await client.invalidateQueries({ queryKey: ["model", name] })
  }
  return (
    <PageBody
      title={name}
      actions={
        <Button
          icon="compare"
          disabledBecause={chosen.length !== 2 && "Choose two versions first."}
          onClick={() =>
            go(
              paths.modelCompare(
                name,
                [...chosen].sort((a, b) => Number(a) - Number(b)),
              ),
            )
          }
        >
          Compare
        </Button>
      }
    >
      <div className={styles.columns}>
        <div className={styles.stack}>
          <Card title="Versions" note={versions.data && plural(versions.data.length, "version")}>
            {versions.isLoadingError && (
              <FailedState
                error={versions.error}
                onRetry={() => void versions.refetch()}
                isInline
              />
            )}
            {versions.isPending && <Skeleton lines={8} />}
            {versions.data?.length === 0 && (
              <EmptyState
                isInline
                title="No version yet"
                hint="Register a model of a run under this name."
              />
            )}
            {versions.data && versions.data.length > 0 && (
              <Versions
                list={versions.data}
                chosen={chosen}
                onChoose={(version) =>
                  setChosen(
                    chosen.includes(version)
                      ? chosen.filter((one) => one !== version)
                      : [...chosen, version].slice(-2),
                  )
                }
                onAlias={setMoving}
              />
            )}
          </Card>
        </div>
        <div className={styles.stack}>
          <Card title="About" isPadded>
            <div className={styles.stack}>
              {model.data.description ? (
                <Prose text={model.data.description} />
              ) : (
                <p className={styles.muted}>No description.</p>
              )}
              <dl className={styles.facts}>
                <dt>Owner</dt>
                <dd>{model.data.user_id ?? "–"}</dd>
                <dt>Registered</dt>
                <dd>
                  <TimeAgo at={model.data.creation_timestamp} />
                </dd>
                <dt>Policy</dt>
                <dd>
                  {policy.data
                    ? `${policy.data.models}: ${plural(policy.data.approvals ?? 1, "approval")}`
                    : "none guards this model"}
                </dd>
              </dl>
            </div>
          </Card>
          <Card title="Aliases" isPadded>
            {(model.data.aliases ?? []).length === 0 && <p className={styles.muted}>None yet.</p>}
            <ul className={styles.stack}>
              {(model.data.aliases ?? []).map(({ alias, version }) => (
                <li key={alias} className={styles.row}>
                  <Badge tone="accent">{alias}</Badge>
                  <Link to={paths.modelVersion(name, version)}>version {version}</Link>
                  <IconButton
                    icon="close"
                    size="s"
                    label={`Remove ${alias}`}
                    onClick={() => void drop(alias)}
                  />
                </li>
              ))}
            </ul>
          </Card>
          <Card title="Open requests" isPadded>
            {open.length === 0 && <p className={styles.muted}>Nothing waits for a decision.</p>}
            <ul className={styles.stack}>
              {open.map(({ id, wish, user_id }) => (
                <li key={id}>
                  <Link to={`${paths.approval(id)}?model=${encodeURIComponent(name)}`}>
                    Version {wish.version} to {wish.stage ?? wish.alias}
                  </Link>{" "}
                  <small className={styles.muted}>by {user_id}</small>
                </li>
              ))}
            </ul>
          </Card>
        </div>
      </div>
      {moving && <PlaceDialog version={moving} kind="alias" onClose={() => setMoving(null)} />}
    </PageBody>
  )
}

/** However many versions there are, only those in sight are on the page. */
function Versions({
  list,
  chosen,
  onChoose,
  onAlias,
}: {
  list: readonly ModelVersion[]
  chosen: readonly string[]
  onChoose: (version: string) => void
  onAlias: (version: ModelVersion) => void
}) {
  const box = useRef<HTMLDivElement>(null)
  const rows = useVirtualizer({
    count: list.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW,
    overscan: 8,
  })
  return (
    <div
      ref={box}
      className={styles.list}
      role="table"
      aria-label="Versions"
      aria-rowcount={list.length + 1}
      tabIndex={0}
    >
      <div role="rowgroup">
        <div role="row" className={styles.version} data-head="">
          <span role="columnheader" aria-label="Compare" />
          {["Version", "Stage", "Aliases", "By", "Registered"].map((label) => (
            <span key={label} role="columnheader">
              {label}
            </span>
          ))}
        </div>
      </div>
      <div role="rowgroup" className={styles.inner} style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map(({ index, start }) => {
          const one = list[index]
          if (!one) return null
          return (
            <div
              key={one.version}
              role="row"
              aria-rowindex={index + 2}
              className={styles.version}
              style={{ transform: `translateY(${start}px)` }}
            >
              <span role="cell">
                <input
                  type="checkbox"
                  aria-label={`Compare version ${one.version}`}
                  checked={chosen.includes(one.version)}
                  onChange={() => onChoose(one.version)}
                />
              </span>
              <span role="cell">
                <Link to={paths.modelVersion(one.name, one.version)}>v{one.version}</Link>
              </span>
              <span role="cell">
                <StageBadge stage={one.current_stage} />
              </span>
              <span role="cell">
                {(one.aliases ?? []).map((alias) => (
                  <Badge key={alias} tone="accent">
                    {alias}
                  </Badge>
                ))}
                <IconButton
                  icon="plus"
                  size="s"
                  label={`Alias for version ${one.version}`}
                  onClick={() => onAlias(one)}
                />
              </span>
              <span role="cell">{one.user_id ?? "–"}</span>
              <span role="cell">
                <TimeAgo at={one.creation_timestamp} />
              </span>
            </div>
          )
        })}
      </div>
    </div>
  )
}
