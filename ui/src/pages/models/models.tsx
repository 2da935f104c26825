import { keepPreviousData, useQuery } from "@tanstack/react-query"
import { useDeferredValue, useState } from "react"
import { useRefusals } from "../../api/capabilities"
import { Link } from "../../components/Link"
import { PageBody } from "../../components/PageBody"
import { modelsQuery } from "../../components/registry/queries"
import styles from "../../components/registry/registry.module.css"
import { StageBadge } from "../../components/registry/StageBadge"
import { useHeading } from "../../components/shell/heading"
import { plural } from "../../lib/format"
import { paths } from "../../paths"
import { Badge } from "../../ui/Badge"
import { Card } from "../../ui/Card"
import { SearchField } from "../../ui/Field"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { Table } from "../../ui/Table"
import { TimeAgo } from "../../ui/Time"

export default function ModelsPage() {
  useHeading([{ label: "Models" }])
  const why = useRefusals({})("searchRegisteredModels")
  const [text, setText] = useState("")
  const search = useDeferredValue(text.trim())
  const models = useQuery({ ...modelsQuery(search), placeholderData: keepPreviousData })
  if (models.isLoadingError) {
    return <FailedState error={models.error} onRetry={() => void models.refetch()} />
  }
  return (
    <PageBody title="Models">
      <div className={styles.filters}>
        <SearchField label="Find models" value={text} onChange={setText} />
      </div>
      {models.isPending ? (
        <Skeleton />
      ) : models.data.length === 0 ? (
        <EmptyState
          icon="models"
          title={
            why ? "No registry here" : search ? "No model matches" : "No registered models yet"
          }
          hint={
            why ??
            (search
              ? "Another part of the name finds more."
              : "Register a model of a run, and its versions, stages and aliases are kept here.")
          }
        />
      ) : (
        <Card title="Registered models" note={plural(models.data.length, "model")}>
          <Table
            caption="Registered models"
            head={["Name", "Latest", "Stages", "Aliases", "Owner", "Changed"]}
          >
            {models.data.map((model) => {
              const latest = (model.latest_versions ?? []).toSorted(
                (a, b) => Number(b.version) - Number(a.version),
              )[0]
              const stages = (model.latest_versions ?? []).filter(
                (one) => one.current_stage !== "None",
              )
              return (
                <tr key={model.name}>
                  <td data-wrap="">
                    <Link to={paths.model(model.name)}>{model.name}</Link>
                  </td>
                  <td>
                    {latest && (
                      <Link to={paths.modelVersion(model.name, latest.version)}>
                        v{latest.version}
                      </Link>
                    )}
                  </td>
                  <td>
                    <span className={styles.row}>
                      {stages.map((one) => (
                        <StageBadge key={one.version} stage={one.current_stage} />
                      ))}
                    </span>
                  </td>
                  <td>
                    <span className={styles.row}>
                      {(model.aliases ?? []).map(({ alias, version }) => (
                        <Badge key={alias} tone="accent" title={`version ${version}`}>
                          {alias} → v{version}
                        </Badge>
                      ))}
                    </span>
                  </td>
                  <td>{model.user_id}</td>
                  <td>
                    <TimeAgo at={model.last_updated_timestamp} />
                  </td>
                </tr>
              )
            })}
          </Table>
        </Card>
      )}
    </PageBody>
  )
}
