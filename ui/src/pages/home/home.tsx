import { queryOptions, useQuery } from "@tanstack/react-query"
import { call } from "../../api/client"
import type { Experiment, Run } from "../../api/generated"
import { useFollowed, useRefetchInterval } from "../../api/live"
import { overviewQuery, storageQuery } from "../../api/overview"
import { experimentsQuery, isServed } from "../../api/queries"
import { Activity } from "../../components/Activity"
import { Link } from "../../components/Link"
import { PageBody } from "../../components/PageBody"
import { allRequestsQuery } from "../../components/registry/queries"
import { primaryKeys, sparksQuery, type Spark } from "../../components/sparks"
import { RunState } from "../../components/RunState"
import { useHeading, visits } from "../../components/shell/heading"
import { Sparkline } from "../../charts/Sparkline"
import { strokeOf } from "../../lib/colours"
import { bytes, count, plural, value } from "../../lib/format"
import { page, serverAddress } from "../../lib/page"
import { example, firstSteps } from "../../lib/snippets"
import { useStore } from "../../lib/store"
import { paths } from "../../paths"
import { Badge } from "../../ui/Badge"
import { Card } from "../../ui/Card"
import { Snippet } from "../../ui/Copy"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { Elapsed, TimeAgo } from "../../ui/Time"
import { useNow } from "../../ui/useNow"
import styles from "./home.module.css"

const SHOWN = 10
const COUNTED_MS = 30_000

const latestRunsQuery = (experiment_ids: string[]) =>
  queryOptions({
    queryKey: ["runs", "latest", experiment_ids],
    queryFn: async ({ signal }) => {
      const asked = { experiment_ids, max_results: SHOWN, order_by: ["attributes.start_time DESC"] }
      return (await call("searchRuns", asked, { signal })).runs ?? []
    },
    enabled: experiment_ids.length > 0,
  })

/** Whose and which: documents are asked for by who takes a view up. */
const savedViewsQuery = () =>
  queryOptions({
    queryKey: ["views", "everywhere"],
    queryFn: async ({ signal }) =>
      (await call("searchViews", { everywhere: true }, { signal })).views ?? [],
  })

const serversQuery = () =>
  queryOptions({
    queryKey: ["model-servers"],
    queryFn: async ({ signal }) => {
      if (!(await isServed("listModelServers"))) return []
      const { model_servers = [] } = await call(
        "listModelServers",
        { max_results: SHOWN },
        { signal },
      )
      return model_servers
    },
  })

const RUNNING = "attributes.status = 'RUNNING'"

const runningQuery = (experiment_ids: string[]) =>
  queryOptions({
    queryKey: ["runs", "running", experiment_ids],
    queryFn: async ({ signal }) => {
      const asked = { experiment_ids, filter: RUNNING, max_results: SHOWN }
      return (await call("searchRuns", asked, { signal })).runs ?? []
    },
    enabled: experiment_ids.length > 0,
  })

export default function HomePage() {
  useHeading([{ label: "Home" }])
  const experiments = useQuery(experimentsQuery())
  const ids = (experiments.data ?? []).map((one) => one.experiment_id)
  const runs = useQuery(latestRunsQuery(ids))
  const running = useQuery(runningQuery(ids)).data ?? []
  const waiting = useQuery(allRequestsQuery({ states: ["OPEN"] })).data ?? []
  const lines = useSparks([...running, ...(runs.data ?? [])], experiments.data ?? [])
  useFollowed({ topics: ["experiments", "runs"] }, ["experiments"], ["runs"])
  const recent = useStore(visits)
  if (experiments.isPending) return <Skeleton />
  if (experiments.isLoadingError) {
    return <FailedState error={experiments.error} onRetry={() => void experiments.refetch()} />
  }
  const isNew = runs.isSuccess && runs.data.length === 0
  const latest = [...experiments.data]
    .sort((a, b) => (b.last_update_time ?? 0) - (a.last_update_time ?? 0))
    .slice(0, SHOWN)
  return (
    <PageBody title={isNew ? "Record the first run" : "Home"}>
      {isNew ? (
        <FirstSteps />
      ) : (
        <div className={styles.columns}>
          <div className={styles.stack}>
            {running.length > 0 && (
              <Card title="Running now" note={running.length === SHOWN && `the last ${SHOWN}`}>
                <RunList runs={running} lines={lines} />
              </Card>
            )}
            <Card title="Latest runs">
              {runs.isLoadingError && (
                <FailedState error={runs.error} onRetry={() => void runs.refetch()} isInline />
              )}
              {runs.isPending && <Skeleton lines={6} />}
              <RunList runs={runs.data ?? []} lines={lines} />
            </Card>
            <ActivityCard />
          </div>
          <div className={styles.stack}>
            {waiting.length > 0 && (
              <Card title="Waiting for a decision" note={count(waiting.length)}>
                <ul className={styles.list}>
                  {waiting.slice(0, SHOWN).map(({ id, wish, user_id, creation_timestamp }) => (
                    <li key={id}>
                      <Link to={paths.approval(id)}>
                        {wish.name} {wish.version}
                      </Link>
                      <small>
                        {user_id} · <TimeAgo at={creation_timestamp} />
                      </small>
                    </li>
                  ))}
                </ul>
              </Card>
            )}
            <Card title="Experiments" note={count(experiments.data.length)}>
              <ul className={styles.list}>
                {latest.map((one) => (
                  <li key={one.experiment_id}>
                    <Link to={paths.experiment(one.experiment_id)} title={one.name}>
                      {one.name}
                    </Link>
                    <small>{one.last_update_time && <TimeAgo at={one.last_update_time} />}</small>
                  </li>
                ))}
              </ul>
            </Card>
            <SavedViews experiments={experiments.data} />
            <Servers />
            <StorageCard />
            <Card title="Where you were">
              {recent.length === 0 && (
                <EmptyState
                  isInline
                  title="Nothing yet"
                  hint="Pages that you open are listed here."
                />
              )}
              <ul className={styles.list}>
                {recent.slice(0, SHOWN).map(({ to, label, kind }) => (
                  <li key={to}>
                    <Link to={to} title={label}>
                      {label}
                    </Link>
                    <small>{kind}</small>
                  </li>
                ))}
              </ul>
            </Card>
          </div>
        </div>
      )}
    </PageBody>
  )
}

/** The lines of the runs that are shown, in one request; those that go on are followed. */
function useSparks(runs: readonly Run[], experiments: readonly Experiment[]) {
  const keys = primaryKeys(runs, experiments)
  const going = runs.filter(({ info }) => info.status === "RUNNING").map(({ info }) => info.run_id)
  useFollowed({ runs: going }, ["sparks"])
  const { data } = useQuery(sparksQuery(keys))
  return new Map((data ?? []).map((one) => [one.run, one]))
}

function RunList({ runs, lines }: { runs: readonly Run[]; lines: ReadonlyMap<string, Spark> }) {
  return (
    <ul className={styles.list}>
      {runs.map(({ info }) => (
        <li key={info.run_id}>
          <RunState status={info.status} liveness={info.liveness} />
          <Link to={paths.run(info.experiment_id, info.run_id)} title={info.run_name}>
            {info.run_name}
          </Link>
          <SparkCell of={lines.get(info.run_id)} />
          <small>
            {info.user_id} · <Elapsed from={info.start_time} to={info.end_time} /> ·{" "}
            <TimeAgo at={info.start_time} />
          </small>
        </li>
      ))}
    </ul>
  )
}

/** A run's line with its last number; the width is kept where there is none. */
function SparkCell({ of }: { of: Spark | undefined }) {
  if (!of) return <span className={styles.spark} />
  const last = `${of.key} ${value(of.last)}`
  return (
    <span className={styles.spark} title={last} data-spark={of.key} data-points={of.values.length}>
      <Sparkline values={of.values} stroke={strokeOf(of.run)} />
      <span className="number" aria-label={last}>
        {value(of.last)}
      </span>
    </span>
  )
}

/** Views under a name: one's own, and what others share. */
function SavedViews({ experiments }: { experiments: readonly Experiment[] }) {
  const views = useQuery(savedViewsQuery())
  const names = new Map(experiments.map(({ experiment_id, name }) => [experiment_id, name]))
  const found = (views.data ?? []).filter(({ experiment_id = "" }) => names.has(experiment_id))
  if (views.isLoadingError) {
    return (
      <Card title="Saved views">
        <FailedState error={views.error} onRetry={() => void views.refetch()} isInline />
      </Card>
    )
  }
  if (found.length === 0) return null
  const newest = found.toSorted((a, b) => b.updated_ms - a.updated_ms).slice(0, SHOWN)
  return (
    <Card
      title="Saved views"
      note={found.length > SHOWN ? `${SHOWN} of ${count(found.length)}` : count(found.length)}
    >
      <ul className={styles.list}>
        {newest.map(({ view_id, name, experiment_id = "", owner, is_shared }) => (
          <li key={view_id}>
            <Link
              to={paths.experiment(experiment_id, { view: view_id })}
              title={`${name} of ${names.get(experiment_id)}`}
            >
              {name}
            </Link>
            <small>{is_shared ? `shared by ${owner}` : "mine"}</small>
          </li>
        ))}
      </ul>
    </Card>
  )
}

/** What serves models now; nothing where nothing does, or where there is no registry. */
function Servers() {
  const found = useQuery(serversQuery()).data ?? []
  const now = useNow(30_000)
  if (found.length === 0) return null
  return (
    <Card title="Model servers" note={count(found.length)}>
      <ul className={styles.list}>
        {found.map(({ server_id, name, version, host, lease_until_timestamp }) => (
          <li key={server_id}>
            <Badge tone={lease_until_timestamp > now ? "good" : "warn"} dot>
              {lease_until_timestamp > now ? "serving" : "silent"}
            </Badge>
            <Link to={paths.modelVersion(name, version)}>
              {name} {version}
            </Link>
            <small>{host}</small>
          </li>
        ))}
      </ul>
    </Card>
  )
}

function ActivityCard() {
  // Not with each event: it counts everything.
  const refetchInterval = useRefetchInterval(COUNTED_MS)
  const overview = useQuery({ ...overviewQuery(), refetchInterval })
  if (overview.isLoadingError) {
    return (
      <Card title="Activity">
        <FailedState error={overview.error} onRetry={() => void overview.refetch()} isInline />
      </Card>
    )
  }
  const told = overview.data
  const inTrash = told?.deleted ? `, ${count(told.deleted)} in the trash` : ""
  const states = Object.entries(told?.runs ?? {}).map(
    ([status, runs]) => `${count(runs)} ${status.toLowerCase()}`,
  )
  return (
    <Card title="Activity" note={told && states.join(", ") + inTrash} isPadded>
      {told ? (
        <Activity first={told.first_day} last={told.last_day} days={told.days ?? []} />
      ) : (
        <Skeleton lines={4} />
      )}
    </Card>
  )
}

/** What is kept; a region of its own, as adding it up may take a while. */
function StorageCard() {
  const storage = useQuery(storageQuery())
  const told = storage.data
  return (
    <Card title="Storage" note={told && <TimeAgo at={told.measured_ms} prefix="added up" />}>
      {storage.isLoadingError && (
        <FailedState error={storage.error} onRetry={() => void storage.refetch()} isInline />
      )}
      {storage.isPending && <Skeleton lines={2} />}
      {told && (
        <ul className={styles.list}>
          <li>
            <Link to={paths.admin("storage")}>{bytes(told.bytes)}</Link>
            <small>{plural(told.files, "file")}</small>
          </li>
          {(told.experiments ?? []).slice(0, 3).map((one) => (
            <li key={one.experiment_id}>
              <Link to={paths.experiment(one.experiment_id)} title={one.name}>
                {one.name}
              </Link>
              <small>{bytes(one.bytes)}</small>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

function FirstSteps() {
  const address = serverAddress()
  return (
    <>
      <p className={styles.lead}>
        The tracking URI of this server is <code>{address}</code>. It speaks MLflow's REST API, so
        the MLflow client works unchanged. Runs show here as soon as they begin.{" "}
        <a href={`${page.base}/openapi.json`}>API description</a>
      </p>
      <div className={styles.snippets}>
        {[...firstSteps(address), example(address)].map(({ label, text }) => (
          <Card key={label} title={label} isPadded>
            <Snippet label={label} text={text} />
          </Card>
        ))}
      </div>
    </>
  )
}
