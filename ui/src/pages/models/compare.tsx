import { useQueries, useQuery } from "@tanstack/react-query"
import { useParams, useSearch } from "@tanstack/react-router"
import { runQuery } from "../../api/queries"
import { DiffTable } from "../../components/DiffView"
import { PageBody } from "../../components/PageBody"
import { changesOf, requirement } from "../../components/registry/mlmodel"
import { modelFileQuery, versionQuery } from "../../components/registry/queries"
import { useHeading } from "../../components/shell/heading"
import { value } from "../../lib/format"
import { real } from "../../lib/numbers"
import { paths } from "../../paths"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"

/** Two versions of a model: what their signatures, packages and figures have of each other. */
export default function CompareVersionsPage() {
  const { name = "" } = useParams({ strict: false })
  const { v = "" } = useSearch({ strict: false }) as { v?: string }
  const [before = "", after = ""] = v.split(",")
  useHeading([
    { label: "Models", to: paths.models() },
    { label: name, to: paths.model(name) },
    { label: `${before} and ${after}` },
  ])
  const versions = useQueries({
    queries: [before, after].map((one) => ({ ...versionQuery(name, one), enabled: one !== "" })),
  })
  const files = useQueries({
    queries: [before, after].map((one) => ({ ...modelFileQuery(name, one), enabled: one !== "" })),
  })
  const first = useQuery({
    ...runQuery(versions[0]?.data?.run_id ?? ""),
    enabled: Boolean(versions[0]?.data?.run_id),
  })
  const second = useQuery({
    ...runQuery(versions[1]?.data?.run_id ?? ""),
    enabled: Boolean(versions[1]?.data?.run_id),
  })
  if (!before || !after) {
    return (
      <EmptyState
        icon="compare"
        title="Choose two versions"
        hint="The page of the model has a box beside each."
      />
    )
  }
  const failed = [...versions, ...files].find(({ isLoadingError }) => isLoadingError)
  if (failed) return <FailedState error={failed.error} onRetry={() => void failed.refetch()} />
  if ([...versions, ...files].some(({ isPending }) => isPending)) return <Skeleton />
  const [a, b] = files.map(({ data }) => data)
  const signature = (side: "inputs" | "outputs", at: typeof a) =>
    (at?.[side] ?? []).map(
      ({ name: column, type, isRequired }) =>
        [column, isRequired ? type : `${type}, optional`] as const,
    )
  const packages = (at: typeof a) => (at?.requirements ?? []).map(requirement)
  const metrics = (run: typeof first) =>
    (run.data?.data?.metrics ?? []).map(
      (metric) => [metric.key, value(real(metric.value))] as const,
    )
  const params = (run: typeof first) =>
    (run.data?.data?.params ?? []).map((param) => [param.key, param.value ?? ""] as const)
  const shared = { before: `Version ${before}`, after: `Version ${after}` }
  return (
    <PageBody title={`${name}: versions ${before} and ${after}`}>
      <DiffTable
        {...shared}
        title="Inputs"
        changes={changesOf(signature("inputs", a), signature("inputs", b))}
      />
      <DiffTable
        {...shared}
        title="Outputs"
        changes={changesOf(signature("outputs", a), signature("outputs", b))}
      />
      <DiffTable {...shared} title="Packages" changes={changesOf(packages(a), packages(b))} />
      <DiffTable
        {...shared}
        title="Metrics of the runs"
        changes={changesOf(metrics(first), metrics(second))}
      />
      <DiffTable
        {...shared}
        title="Params of the runs"
        changes={changesOf(params(first), params(second))}
      />
    </PageBody>
  )
}
