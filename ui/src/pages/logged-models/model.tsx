import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query"
import { useParams, useSearch } from "@tanstack/react-router"
import { useState } from "react"
import { useRefusals } from "../../api/capabilities"
import { call } from "../../api/client"
import type { LoggedModel } from "../../api/generated"
import { experimentQuery } from "../../api/queries"
import { ArtifactBrowser } from "../../components/artifacts/parts"
import { archiveUrl, ofModel } from "../../components/artifacts/source"
import { Link, useGo } from "../../components/Link"
import { ModelState } from "../../components/ModelState"
import { PageBody } from "../../components/PageBody"
import { ParamTable } from "../../components/ParamTable"
import { RegisterDialog } from "../../components/registry/RegisterDialog"
import registry from "../../components/registry/registry.module.css"
import { useHeading } from "../../components/shell/heading"
import { count, value } from "../../lib/format"
import { real } from "../../lib/numbers"
import { paths } from "../../paths"
import { Button, buttonClass } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { CopyButton } from "../../ui/Copy"
import { Icon } from "../../ui/Icon"
import { EmptyState, FailedState, NoticeBar, Skeleton } from "../../ui/States"
import { Table } from "../../ui/Table"
import { DateTime } from "../../ui/Time"
import { toast } from "../../ui/Toast"
import styles from "./model.module.css"

export const loggedModelQuery = (model_id: string) =>
  queryOptions({
    queryKey: ["logged-model", model_id],
    queryFn: async ({ signal }) => (await call("getLoggedModel", { model_id }, { signal })).model,
  })

/** One model as a run has logged it: what is known of it, and its files. */
export default function LoggedModelPage() {
  const { eid = "0", mid = "" } = useParams({ strict: false })
  const found = useQuery(loggedModelQuery(mid))
  const experiment = useQuery(experimentQuery(eid)).data
  const label = found.data?.info.name || mid
  useHeading(
    [
      { label: "Experiments", to: paths.experimentTree() },
      { label: experiment?.name ?? eid, to: paths.experiment(eid) },
      { label: "Logged models", to: paths.experimentTab(eid, "models") },
      { label },
    ],
    found.data && { to: paths.loggedModel(eid, mid), label, kind: "model" },
  )
  if (found.isPending) return <Skeleton label="Loading the model" />
  if (found.isLoadingError) {
    return <FailedState error={found.error} onRetry={() => void found.refetch()} />
  }
  return <ModelView model={found.data} experiment={eid} />
}

function ModelView({ model, experiment }: { model: LoggedModel; experiment: string }) {
  const { info, data } = model
  const { path } = useSearch({ strict: false }) as { path?: string }
  const go = useGo()
  const client = useQueryClient()
  const whyNot = useRefusals({})
  const [isRegistering, setRegistering] = useState(false)
  const isReady = info.status === "LOGGED_MODEL_READY"
  const refresh = async () => {
    await client.invalidateQueries({ queryKey: ["logged-model", info.model_id] })
    await client.invalidateQueries({ queryKey: ["capabilities", { model_id: info.model_id }] })
  }
  const finish = async () => {
    try {
      await call("finalizeLoggedModel", { model_id: info.model_id, status: "LOGGED_MODEL_READY" })
      await refresh()
    } catch (error) {
      toast.failed("The model is as it was", error)
    }
  }
  const params = data?.params ?? []
  const metrics = data?.metrics ?? []
  const own = (info.tags ?? []).filter(({ key }) => !/^(mlflow|millrace)\./.test(key))
  return (
    <PageBody
      title={info.name || info.model_id}
      beside={<ModelState status={info.status} />}
      actions={
        <>
          {whyNot("downloadLoggedModelArchive") ? (
            <Button icon="download" disabledBecause={whyNot("downloadLoggedModelArchive")}>
              Download all
            </Button>
          ) : (
            <a className={buttonClass} href={archiveUrl(ofModel(info.model_id))} download>
              <Icon name="download" />
              Download all
            </a>
          )}
          <Button
            variant="primary"
            icon="models"
            disabledBecause={whyNot("createModelVersion")}
            onClick={() => setRegistering(true)}
          >
            Register
          </Button>
        </>
      }
    >
      {!isReady && (
        <NoticeBar>
          {info.status_message || "Its upload has not been finished."}
          <Button size="s" onClick={() => void finish()}>
            It is ready
          </Button>
        </NoticeBar>
      )}
      <div className={styles.columns}>
        <Card title="About" isPadded>
          <dl className={registry.facts}>
            <dt>Id</dt>
            <dd className={registry.mono}>
              {info.model_id}
              <CopyButton text={info.model_id} label="Copy the id" />
            </dd>
            <dt>Made</dt>
            <dd>
              <DateTime at={info.creation_timestamp_ms} />
            </dd>
            {info.model_type && (
              <>
                <dt>Type</dt>
                <dd>{info.model_type}</dd>
              </>
            )}
            <dt>From run</dt>
            <dd>
              {info.source_run_id ? (
                <Link to={paths.run(experiment, info.source_run_id)} data-inline>
                  {info.source_run_id.slice(0, 8)}
                </Link>
              ) : (
                "–"
              )}
            </dd>
            <dt>Registered as</dt>
            <dd>
              {(info.registrations ?? []).length === 0 && "–"}
              {(info.registrations ?? []).map(({ name, version }) => (
                <Link key={`${name} ${version}`} to={paths.modelVersion(name, version)} data-inline>
                  {name} v{version}{" "}
                </Link>
              ))}
            </dd>
            {own.map(({ key, value: held }) => (
              <Fact key={key} name={key} text={held} />
            ))}
          </dl>
        </Card>
        <Card title="Metrics" note={count(metrics.length)}>
          {metrics.length === 0 ? (
            <EmptyState
              isInline
              title="No metrics"
              hint="Metrics that are logged with model_id show here."
            />
          ) : (
            <Table caption="Metrics" head={["Metric", ">Value", ">Step", "Data set"]}>
              {metrics.map(({ key, value: number, step, dataset_name }) => (
                <tr key={`${key} ${dataset_name ?? ""}`}>
                  <td data-wrap>{key}</td>
                  <td data-align="end" title={String(number)}>
                    {value(real(number))}
                  </td>
                  <td data-align="end">{count(Number(step))}</td>
                  <td data-wrap>{dataset_name}</td>
                </tr>
              ))}
            </Table>
          )}
        </Card>
        <Card title="Params" note={count(params.length)}>
          {params.length === 0 ? (
            <EmptyState isInline title="No params" />
          ) : (
            <ParamTable params={params} />
          )}
        </Card>
      </div>
      <Card title="Files">
        <div className={styles.files}>
          <ArtifactBrowser
            source={ofModel(info.model_id)}
            path={path ?? "MLmodel"}
            onPath={(next) =>
              go(
                `${paths.loggedModel(experiment, info.model_id)}?path=${encodeURIComponent(next)}`,
                { replace: true },
              )
            }
          />
        </div>
      </Card>
      {isRegistering && (
        <RegisterDialog
          candidates={[
            {
              label: info.name,
              uri: `models:/${info.model_id}`,
              run: info.source_run_id || undefined,
              model: info.model_id,
            },
          ]}
          onClose={() => setRegistering(false)}
        />
      )}
    </PageBody>
  )
}

function Fact({ name, text }: { name: string; text: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{text}</dd>
    </>
  )
}
