import { useInfiniteQuery, useQuery } from "@tanstack/react-query"
import { useParams } from "@tanstack/react-router"
import { useState } from "react"
import { call } from "../../api/client"
import { experimentQuery } from "../../api/queries"
import { quoted } from "../../api/search"
import { ExperimentTabs } from "../../components/ExperimentTabs"
import { LoggedModelTable } from "../../components/LoggedModelTable"
import { PageBody } from "../../components/PageBody"
import { useHeading } from "../../components/shell/heading"
import { paths } from "../../paths"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { SearchField } from "../../ui/Field"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"

const PAGE = 50

/** Models that the runs of an experiment have logged, the newest first. */
export default function LoggedModelsPage() {
  const { eid = "0" } = useParams({ strict: false })
  const experiment = useQuery(experimentQuery(eid)).data
  useHeading([
    { label: "Experiments", to: paths.experimentTree() },
    { label: experiment?.name ?? eid, to: paths.experiment(eid) },
    { label: "Logged models" },
  ])
  const [text, setText] = useState("")
  const sought = text.trim()
  const found = useInfiniteQuery({
    queryKey: ["logged-models", eid, sought],
    queryFn: ({ pageParam, signal }) =>
      call(
        "searchLoggedModels",
        {
          experiment_ids: [eid],
          filter: sought ? `name ILIKE ${quoted(`%${sought}%`)}` : undefined,
          max_results: PAGE,
          page_token: pageParam,
        },
        { signal },
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_page_token,
    placeholderData: (before) => before,
  })
  const models = (found.data?.pages ?? []).flatMap((page) => page.models ?? [])
  return (
    <PageBody
      title="Logged models"
      actions={<SearchField label="Find a model" value={text} onChange={setText} />}
    >
      <ExperimentTabs id={eid} at="models" />
      <Card title="Models of this experiment">
        {found.isPending && <Skeleton lines={6} />}
        {found.isLoadingError && (
          <FailedState isInline error={found.error} onRetry={() => void found.refetch()} />
        )}
        {found.isSuccess && models.length === 0 && (
          <EmptyState
            isInline
            title={sought ? "No model has such a name" : "No models"}
            hint={
              !sought && "millrace.sklearn.log_model(model, name=…) and its like keep a model here."
            }
          />
        )}
        {models.length > 0 && <LoggedModelTable models={models} experiment={eid} />}
      </Card>
      {found.hasNextPage && (
        <Button onClick={() => void found.fetchNextPage()}>
          {found.isFetchingNextPage ? "Loading…" : "Show more"}
        </Button>
      )}
    </PageBody>
  )
}
