import { useQueries, useQuery } from "@tanstack/react-query"
import { call } from "../../api/client"
import type { Run } from "../../api/generated"
import { childRunsQuery, runQuery, versionsOfRunQuery } from "../../api/queries"
import { Link } from "../../components/Link"
import { LoggedModelTable } from "../../components/LoggedModelTable"
import { RunState } from "../../components/RunState"
import { count } from "../../lib/format"
import { PARENT, tagsOf } from "../../lib/run"
import { paths } from "../../paths"
import { Card } from "../../ui/Card"
import { EmptyState } from "../../ui/States"
import { Table } from "../../ui/Table"
import styles from "./run.module.css"

/** Models that a run has logged, and those that it has read. */
export function useModels(run: Run) {
  const ids = [
    ...(run.outputs?.model_outputs ?? []).map(({ model_id }) => model_id),
    ...(run.inputs?.model_inputs ?? []).map(({ model_id }) => model_id),
  ]
  return useQueries({
    queries: ids.map((model_id) => ({
      queryKey: ["logged-model", model_id],
      queryFn: async ({ signal }: { signal: AbortSignal }) =>
        (await call("getLoggedModel", { model_id }, { signal })).model,
    })),
  }).flatMap(({ data }) => (data ? [data] : []))
}

/** Models that a run has logged, or read. */
export function ModelsTab({ run, experiment }: { run: Run; experiment: string }) {
  const models = useModels(run)
  const versions = useQuery(versionsOfRunQuery(run.info.run_id)).data ?? []
  if (models.length === 0 && versions.length === 0) {
    return (
      <EmptyState
        icon="models"
        title="No models"
        hint="Models that this run logs, and versions that are registered of them, show here."
      />
    )
  }
  return (
    <div className={styles.columns}>
      <Card
        title="Logged models"
        note={count(models.length)}
        tools={
          <Link to={paths.experimentTab(experiment, "models")} data-inline>
            All of the experiment
          </Link>
        }
      >
        <LoggedModelTable models={models} experiment={experiment} isOfRun />
      </Card>
      <Card title="Registered versions" note={count(versions.length)}>
        <Table caption="Registered versions" head={["Model", "Version", "Stage"]}>
          {versions.map(({ name, version, current_stage }) => (
            <tr key={`${name} ${version}`}>
              <td data-wrap>{name}</td>
              <td>
                <Link to={paths.modelVersion(name, version)} data-inline>
                  {version}
                </Link>
              </td>
              <td>{current_stage}</td>
            </tr>
          ))}
        </Table>
      </Card>
    </div>
  )
}

/** From what a run was made, and what was made of it. */
export function LineageTab({ run, experiment }: { run: Run; experiment: string }) {
  const { run_id: id, run_name } = run.info
  const parentId = tagsOf(run).get(PARENT)
  const parent = useQuery({ ...runQuery(parentId ?? ""), enabled: parentId !== undefined }).data
  const children = useQuery(childRunsQuery(experiment, id)).data ?? []
  const versions = useQuery(versionsOfRunQuery(id)).data ?? []
  const models = useModels(run)
  const datasets = run.inputs?.dataset_inputs ?? []
  const made = new Set((run.outputs?.model_outputs ?? []).map(({ model_id }) => model_id))
  return (
    <div className={styles.graph}>
      <Card title="From">
        <Table caption="From" head={["What", "Kind"]}>
          {parent && (
            <tr>
              <td>
                <Link
                  to={paths.run(parent.info.experiment_id, parent.info.run_id, "lineage")}
                  data-inline
                >
                  {parent.info.run_name}
                </Link>
              </td>
              <td>parent run</td>
            </tr>
          )}
          {datasets.map(({ dataset }) => (
            <tr key={`${dataset.name} ${dataset.digest}`}>
              <td data-wrap>{dataset.name}</td>
              <td>data set</td>
            </tr>
          ))}
          {models
            .filter(({ info }) => !made.has(info.model_id))
            .map(({ info }) => (
              <tr key={info.model_id}>
                <td data-wrap>
                  <Link to={paths.loggedModel(info.experiment_id, info.model_id)} data-inline>
                    {info.name}
                  </Link>
                </td>
                <td>model</td>
              </tr>
            ))}
        </Table>
        {!parent && datasets.length === 0 && <EmptyState isInline title="Nothing is recorded" />}
      </Card>
      <Card title="This run" isPadded>
        <strong>{run_name}</strong>{" "}
        <RunState status={run.info.status} liveness={run.info.liveness} />
      </Card>
      <Card title="To">
        <Table caption="To" head={["What", "Kind"]}>
          {models
            .filter(({ info }) => made.has(info.model_id))
            .map(({ info }) => (
              <tr key={info.model_id}>
                <td data-wrap>
                  <Link to={paths.loggedModel(experiment, info.model_id)} data-inline>
                    {info.name}
                  </Link>
                </td>
                <td>model</td>
              </tr>
            ))}
          {versions.map(({ name, version }) => (
            <tr key={`${name} ${version}`}>
              <td data-wrap>
                <Link to={paths.modelVersion(name, version)} data-inline>
                  {name} {version}
                </Link>
              </td>
              <td>model version</td>
            </tr>
          ))}
          {children.map(({ info }) => (
            <tr key={info.run_id}>
              <td data-wrap>
                <Link to={paths.run(experiment, info.run_id, "lineage")} data-inline>
                  {info.run_name}
                </Link>
              </td>
              <td>child run</td>
            </tr>
          ))}
        </Table>
        {made.size + versions.length + children.length === 0 && (
          <EmptyState isInline title="Nothing yet" />
        )}
      </Card>
    </div>
  )
}
