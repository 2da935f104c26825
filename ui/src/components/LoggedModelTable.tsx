import type { LoggedModel } from "../api/generated"
import { value } from "../lib/format"
import { real } from "../lib/numbers"
import { paths } from "../paths"
import { Badge } from "../ui/Badge"
import { Table } from "../ui/Table"
import { TimeAgo } from "../ui/Time"
import { Link } from "./Link"
import { ModelState } from "./ModelState"

const FEW_METRICS = 3

/** Logged models of an experiment; *isOfRun*: all of one run, which need not be named. */
export function LoggedModelTable({
  models,
  experiment,
  isOfRun = false,
}: {
  models: readonly LoggedModel[]
  experiment: string
  isOfRun?: boolean
}) {
  const [origin, names] = isOfRun ? [[], []] : [["From run"], ["Registered as"]]
  return (
    <Table
      caption="Logged models"
      head={["Model", "State", "Made", ...origin, "Metrics", ...names]}
    >
      {models.map(({ info, data }) => (
        <tr key={info.model_id}>
          <td data-wrap>
            <Link to={paths.loggedModel(experiment, info.model_id)} data-inline>
              {info.name || info.model_id}
            </Link>
          </td>
          <td>
            <ModelState status={info.status} />
          </td>
          <td>
            <TimeAgo at={info.creation_timestamp_ms} />
          </td>
          {!isOfRun && (
            <td>
              {info.source_run_id && (
                <Link to={paths.run(experiment, info.source_run_id)} data-inline>
                  {info.source_run_id.slice(0, 8)}
                </Link>
              )}
            </td>
          )}
          <td>
            {(data?.metrics ?? []).slice(0, FEW_METRICS).map(({ key, value: number }) => (
              <Badge key={key} title={`${key}: ${number}`}>
                {key} {value(real(number))}
              </Badge>
            ))}
          </td>
          {!isOfRun && (
            <td>
              {(info.registrations ?? []).map(({ name, version }) => (
                <Link key={`${name} ${version}`} to={paths.modelVersion(name, version)} data-inline>
                  {name} v{version}
                </Link>
              ))}
            </td>
          )}
        </tr>
      ))}
    </Table>
  )
}
