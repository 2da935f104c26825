import { useQuery } from "@tanstack/react-query"
import { useParams } from "@tanstack/react-router"
import { useEffect } from "react"
import { runQuery } from "../../api/queries"
import { useGo } from "../../components/Link"
import { paths } from "../../paths"
import { FailedState, Skeleton } from "../../ui/States"

/** For an address that knows a run's id only: goes on to the run. */
export default function AnyRunPage() {
  const { rid = "" } = useParams({ strict: false })
  const run = useQuery(runQuery(rid))
  const go = useGo()
  const experiment = run.data?.info.experiment_id
  useEffect(() => {
    if (experiment !== undefined) go(paths.run(experiment, rid), { replace: true })
  }, [experiment, rid, go])
  if (run.isLoadingError)
    return <FailedState error={run.error} onRetry={() => void run.refetch()} />
  return <Skeleton label="Looking for the run" />
}
