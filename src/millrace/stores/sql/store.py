"""A database as a place of records: composes the pieces into the protocols."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

import msgspec
from sqlalchemy import insert, select

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.dataset import DatasetSummary
from millrace.core.entities.experiment import DEFAULT_NAME, Experiment
from millrace.core.entities.logged_model import LoggedModel
from millrace.core.entities.metric import MetricSummary
from millrace.core.entities.run import Run, RunInfo
from millrace.core.errors import MillraceError, Unavailable
from millrace.core.numbers import NAN_KEY, value_of
from millrace.core.pages import Page
from millrace.core.uris import redacted
from millrace.stores.places import NotOpened
from millrace.stores.protocols import Appended, NewExperiment, Points, StoreHealth
from millrace.stores.sql import documents, experiments, models, runs
from millrace.stores.sql import tables as t
from millrace.stores.sql.artifacts import SqlArtifacts
from millrace.stores.sql.audit import SqlAudit
from millrace.stores.sql.changes import SqlChanges
from millrace.stores.sql.charts import Charts
from millrace.stores.sql.engine import Database
from millrace.stores.sql.evaluation import SqlEvaluation
from millrace.stores.sql.inspection import Inspection
from millrace.stores.sql.migrate import prepare
from millrace.stores.sql.model_servers import SqlModelServers
from millrace.stores.sql.nearest import Nearest
from millrace.stores.sql.overview import SqlOverview
from millrace.stores.sql.registry import SqlRegistry
from millrace.stores.sql.run_search import RunSearches
from millrace.stores.sql.run_tables import SqlRunTables
from millrace.stores.sql.series import Histories, columns, named_series
from millrace.stores.sql.series_state import SeriesState
from millrace.stores.sql.statements import Statements, statements
from millrace.stores.sql.tasks import SqlTasks
from millrace.stores.sql.transaction import Transaction
from millrace.stores.sql.transfer import SqlTransfer
from millrace.stores.sql.trash import SqlTrash
from millrace.stores.sql.views import SqlViews
from millrace.stores.sql.webhooks import SqlWebhooks
from millrace.stores.sql.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.experiment import ExperimentChange
    from millrace.core.entities.finding import Finding
    from millrace.core.entities.logged_model import LoggedModelChange
    from millrace.core.entities.run import Batch, RunChange, StopAsked
    from millrace.core.pages import Position
    from millrace.core.series import Point
    from millrace.stores.protocols import MetricWindow, Part, Query, SeriesAnswer, SeriesWindow
    from millrace.stores.sql.documents import Built
    from millrace.stores.sql.engine import Session
    from millrace.stores.sql.series import Named

_SECRET: Final = "page-tokens"  # noqa: S105 - the name of a row
# A run that is written to all the time would have its document rebuilt and kept all the time.
_KEEP_EVERY_S: Final = 10.0
_KEPT_REMEMBERED: Final = 50_000
# A tenth of the time between two calls at most, in pieces that let requests in between.
_PREPARE_S: Final = 0.4
_PREPARED_AT_ONCE: Final = 5_000
_PREPARED_CHUNK: Final = 100


class SqlTracking:
    """Experiments, runs, series and logged models in a database."""

    def __init__(
        self, database: Database, writer: Writer[Transaction], statements: Statements
    ) -> None:
        self._database = database
        self._writer = writer
        self._statements = statements
        self._kept: dict[int, float] = {}
        self._stale: dict[int, int] = {}
        self._searches = RunSearches(database, statements)

    # --- experiments ----------------------------------------------------------------------------

    def add_experiment(
        self, experiment: NewExperiment, *, trail: Trail = NO_TRAIL
    ) -> Future[Experiment]:
        """Record an experiment under the next free id."""
        return self._writer.submit(
            lambda tx: tx.once(
                trail, Experiment, lambda: experiments.add_experiment(tx, experiment, trail=trail)
            )
        )

    def experiment(self, experiment_id: str) -> Experiment | None:
        """The experiment of that id."""
        with self._database.reading() as session:
            found = experiments.experiments_by_id(session, [experiments.row_id(experiment_id)])
        return found[0] if found else None

    def experiment_named(self, name: str) -> Experiment | None:
        """The experiment of that name."""
        with self._database.reading() as session:
            return experiments.experiment_named(session, name)

    def change_experiment(
        self, experiment_id: str, change: ExperimentChange, *, trail: Trail = NO_TRAIL
    ) -> Future[Experiment]:
        """Change an experiment; its life cycle takes its runs along."""
        return self._writer.submit(
            lambda tx: tx.once(
                trail,
                Experiment,
                lambda: experiments.change_experiment(tx, experiment_id, change, trail),
            )
        )

    def find_experiments(self, query: Query) -> Page[Experiment]:
        """A page of the experiments that match."""
        with self._database.reading() as session:
            return experiments.find_experiments(session, query)

    # --- runs -----------------------------------------------------------------------------------

    def add_run(
        self,
        run: Run,
        *,
        is_drawn: bool = False,  # noqa: ARG002 - an index of all ids is looked into anyway
        trail: Trail = NO_TRAIL,
    ) -> Future[Run]:
        """Record a new run with its tags."""
        return self._writer.submit(
            lambda tx: tx.once(trail, Run, lambda: runs.add_run(tx, run, trail)), savepoint=False
        )

    def run(self, run_id: str) -> msgspec.Raw | None:
        """The run as wire JSON."""
        with self._database.reading(once=True) as session:
            row = session.row(self._statements.document, (run_id,))
        if row is None:
            return None
        run, _, document = row
        if document is not None:
            return msgspec.Raw(document)
        with self._database.reading() as session:
            found = documents.documents(session, self._statements, [run], self._keep)
        return found[0] if found else None  # it may be gone by now

    def change_run(
        self, run_id: str, change: RunChange, *, trail: Trail = NO_TRAIL
    ) -> Future[RunInfo]:
        """Change a run."""
        return self._writer.submit(
            lambda tx: tx.once(trail, RunInfo, lambda: runs.change_run(tx, run_id, change, trail)),
            savepoint=False,
        )

    def extend_lease(self, run_id: str, until_ms: int) -> Future[StopAsked | None]:
        """A run gives a sign of life; what it was asked meanwhile."""
        return self._writer.submit(
            lambda tx: runs.extend_lease(tx, run_id, until_ms), savepoint=False
        )

    def ask_to_stop(
        self, run_id: str, asked: StopAsked, *, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Note that a run was asked to stop."""
        return self._writer.submit(
            lambda tx: tx.once(
                trail, type(None), lambda: runs.ask_to_stop(tx, run_id, asked, trail)
            )
        )

    def append(self, run_id: str, batch: Batch, *, trail: Trail = NO_TRAIL) -> Future[Appended]:
        """Append a batch to a run, all or nothing."""
        if trail.receipt is None:
            return self._writer.submit(lambda tx: runs.append(tx, run_id, batch), savepoint=False)
        return self._writer.submit(
            lambda tx: tx.once(
                trail,
                Appended,
                lambda: runs.append(tx, run_id, batch),
                was_written=Appended.was_written,
            ),
            savepoint=False,
        )

    def append_to_tag_list(
        self, run_id: str, key: str, item: object, *, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Append *item* to the JSON list that a tag holds."""
        return self._writer.submit(
            lambda tx: tx.once(
                trail, type(None), lambda: runs.append_to_tag_list(tx, run_id, key, item)
            )
        )

    def find_runs(self, experiment_ids: Sequence[str], query: Query) -> Page[msgspec.Raw]:
        """Matching runs as wire JSON."""
        at_once = self._searches.find_at_once(experiment_ids, query)
        if at_once is not None:
            return Page(tuple(map(msgspec.Raw, at_once.beside)), at_once.next)
        with self._database.reading(walks=self._searches.walks(query)) as session:
            found = self._searches.find(session, experiment_ids, query)
            items = documents.of_found(session, self._statements, found, self._keep)
        return Page(tuple(items), found.next)

    def expire_leases(self, now_ms: int) -> Future[int]:
        """Mark running runs whose lease has ended as lost."""
        return self._writer.submit(lambda tx: runs.expire_leases(tx, now_ms))

    def _keep(self, built: list[Built]) -> None:
        """Keep documents for the next reader, unless their runs are under constant change."""
        now = time.monotonic()
        if len(self._kept) > _KEPT_REMEMBERED:
            self._kept.clear()
        rows = []
        for one in built:
            if now - self._kept.get(one.run, -_KEEP_EVERY_S) >= _KEEP_EVERY_S:
                self._kept[one.run] = now
                rows.append((one.document, one.run, one.revision))
        if rows:
            statement = self._statements.store_document
            try:
                self._writer.submit(lambda tx: tx.session.many(statement, rows), savepoint=False)
            except MillraceError:
                return  # closing or busy: the next reader builds them again

    def prepare_documents(self) -> None:
        """Build documents of runs that have been quiet since the last call, for some time.

        Then the last page of a long search, whose runs nobody has looked at yet, costs what the
        first one does.
        """
        until = time.monotonic() + _PREPARE_S
        with self._database.reading() as session:
            rows = session.rows(self._statements.stale_documents, (_PREPARED_AT_ONCE,))
        stale = {row[0]: row[1] for row in rows}
        quiet = [run for run, revision in stale.items() if self._stale.get(run) == revision]
        self._stale = stale
        while quiet and time.monotonic() < until:
            chunk, quiet = quiet[:_PREPARED_CHUNK], quiet[_PREPARED_CHUNK:]
            with self._database.reading() as session:
                documents.documents(session, self._statements, chunk, self._keep)

    # --- series ---------------------------------------------------------------------------------

    def metric_history(
        self, run_id: str, key: str, window: MetricWindow
    ) -> tuple[Points, Position | None]:
        """A page of a series by (timestamp, step, value)."""
        with self._database.reading() as session:
            found = named_series(session, self._statements, run_id, key)
            if found is None:
                return Points((), (), ()), None
            return Histories(session, self._statements).page(found.state, window)

    def metric_sample(
        self, run_id: str, key: str, *, start: int | None, end: int | None, limit: int
    ) -> Points:
        """Points of a range of steps, evenly chosen."""
        with self._database.reading() as session:
            found = named_series(session, self._statements, run_id, key)
            if found is None:
                return Points((), (), ())
            return columns(
                Histories(session, self._statements).sample(found.state, start, end, limit)
            )

    def series(
        self, run_ids: Sequence[str], keys: Sequence[str], window: SeriesWindow
    ) -> SeriesAnswer:
        """Series of many runs and keys on one grid."""
        with self._database.reading() as session:
            asked = self._named(session, run_ids, keys)
            return Charts(session, self._statements, window).draw(asked)

    def series_mark(self, run_ids: Sequence[str], keys: Sequence[str]) -> str:
        """What changes with any of these series."""
        with self._database.reading() as session:
            asked = self._named(session, run_ids, keys)
        states = [(one.state.id, one.state.count, one.start_ms) for one in asked]
        return msgspec.json.encode(states).decode()

    def points_at(
        self,
        run_ids: Sequence[str],
        keys: Sequence[str],
        window: SeriesWindow,
        at: float,
        *,
        previous: bool,
    ) -> list[tuple[str, str, float, Point]]:
        """The point of each series that is nearest to a place on the x axis."""
        with self._database.reading() as session:
            charts = Charts(session, self._statements, window)
            nearest = Nearest(session, self._statements, charts)
            return [
                (one.run_id, one.key, float(found[0]), found[1])
                for one in self._named(session, run_ids, keys)
                if (found := nearest.of(one, window, at, previous=previous)) is not None
            ]

    def _named(self, session: Session, run_ids: Sequence[str], keys: Sequence[str]) -> list[Named]:
        return [
            found
            for run_id in dict.fromkeys(run_ids)
            for key in dict.fromkeys(keys)
            if (found := named_series(session, self._statements, run_id, key)) is not None
        ]

    def metric_summaries(self, run_id: str) -> list[MetricSummary]:
        """Aggregates of every series of a run, by key."""
        query = (
            select(t.keys.c.name, t.series)
            .join(t.keys, t.keys.c.id == t.series.c.key_id)
            .join(t.runs, t.runs.c.id == t.series.c.run_id)
            .where(t.runs.c.uuid == run_id)
            .order_by(t.keys.c.name)
        )
        with self._database.reading() as session:
            return [_summary(row[0], SeriesState.of_row(row[1:])) for row in session.select(query)]

    def dataset_summaries(self, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
        """Distinct data sets that runs of those experiments read."""
        d, r = t.datasets.c, t.run_datasets.c
        query = (
            select(d.experiment_id, d.name, d.digest, r.context)
            .join(t.run_datasets, r.dataset_id == d.id)
            .where(d.experiment_id.in_([int(one) for one in experiment_ids]))
            .distinct()
            .order_by(d.experiment_id, d.name, d.digest, r.context)
        )
        with self._database.reading() as session:
            return [
                DatasetSummary(
                    experiment_id=str(row[0]), name=row[1], digest=row[2], context=row[3]
                )
                for row in session.select(query)
            ]

    # --- logged models --------------------------------------------------------------------------

    def add_logged_model(
        self, model: LoggedModel, *, trail: Trail = NO_TRAIL
    ) -> Future[LoggedModel]:
        """Record a new logged model."""
        return self._writer.submit(
            lambda tx: tx.once(
                trail, LoggedModel, lambda: models.add_logged_model(tx, model, trail)
            )
        )

    def logged_model(self, model_id: str) -> LoggedModel | None:
        """The model; None when it is not there or in the trash."""
        with self._database.reading() as session:
            row = models.row_of(session, model_id)
            return None if row is None else models.models_by_row(session, [row])[0]

    def change_logged_model(
        self, model_id: str, change: LoggedModelChange, *, trail: Trail = NO_TRAIL
    ) -> Future[LoggedModel]:
        """Change a logged model."""
        return self._writer.submit(
            lambda tx: tx.once(
                trail, LoggedModel, lambda: models.change_logged_model(tx, model_id, change, trail)
            )
        )

    def find_logged_models(
        self,
        experiment_ids: Sequence[str],
        query: Query,
        *,
        datasets: Sequence[tuple[str, str | None]] = (),
    ) -> Page[LoggedModel]:
        """A page of the models that match."""
        with self._database.reading() as session:
            return models.find_logged_models(session, experiment_ids, query, datasets)


def _summary(key: str, state: SeriesState) -> MetricSummary:
    def double(value: int) -> float | None:
        return None if value == NAN_KEY else value_of(value)

    mean = state.mean

    step, ms, last = state.last
    return MetricSummary(
        key=key,
        count=state.count,
        last=value_of(last),
        last_step=step,
        last_timestamp=ms,
        minimum=double(state.min_value),
        maximum=double(state.max_value),
        mean=mean if mean == mean else None,  # noqa: PLR0124 - not NaN
        min_step=state.min_step,
        max_step=state.max_step,
    )


class SqlStores:
    """All records of one database.

    Several processes may open one database; each has a writer of its own, and the database's lock
    lets one of them at a time commit its group.
    """

    def __init__(self, uri: str, *, default_artifact_root: str, now_ms: int) -> None:
        self._database = Database(uri)
        try:
            self._revision = prepare(self._database)
            prepared = self._statements = statements(self._database.dialect)
            self._writer = Writer(self._database, lambda session: Transaction(session, prepared))
            self.tracking: Final = SqlTracking(self._database, self._writer, prepared)
            self.run_tables: Final = SqlRunTables(self._database, prepared)
            self.overview: Final = SqlOverview(self._database)
            self.changes: Final = SqlChanges(self._database)
            self.views: Final = SqlViews(self._database, self._writer)
            self.tasks: Final = SqlTasks(self._database, self._writer)
            self.evaluation: Final = SqlEvaluation(self._database, self._writer)
            self.artifacts: Final = SqlArtifacts(self._database, self._writer)
            self.audit: Final = SqlAudit(self._database, self._writer)
            self.webhooks: Final = SqlWebhooks(self._database, self._writer)
            self.trash: Final = SqlTrash(self._database, self._writer)
            self.transfer: Final = SqlTransfer(self._database, self._writer, prepared)
            self.registry: Final = SqlRegistry(self._database, self._writer)
            self.approvals: Final = self.registry.approvals
            self.model_servers: Final = SqlModelServers(self._database, self._writer)
            self.lacking: Final[Mapping[Part, str]] = {}
            try:
                self._secret = self._first_use(default_artifact_root, now_ms)
            except BaseException:
                self._writer.close()  # or its thread would stay for ever
                raise
        except Unavailable as error:
            self._database.close()
            raise NotOpened(f"{redacted(uri)}: {error.message}") from error
        except BaseException:
            self._database.close()
            raise

    @property
    def kind(self) -> str:
        """The dialect."""
        return self._database.dialect

    def secret(self) -> bytes:
        """A secret of this database, the same for all its processes."""
        return self._secret

    def health(self) -> StoreHealth:
        """Whether the database answers now."""
        try:
            with self._database.reading() as session:
                session.select(select(t.meta.c.name).limit(1))
        except MillraceError as error:
            return StoreHealth(
                kind=self.kind, ready=False, revision=self._revision, message=error.message
            )
        return StoreHealth(
            kind=self.kind,
            ready=True,
            revision=self._revision,
            queue=self._writer.queue_length,
        )

    def inspect(self, *, full: bool, repair: bool) -> Iterator[Finding]:
        """Look through all tables for what does not fit together."""
        inspection = Inspection(self._database, self._writer, self._statements)
        return inspection.inspect(full=full, repair=repair)

    def tidy(self) -> None:
        """Make documents ready before somebody asks for them."""
        self.tracking.prepare_documents()

    def close(self) -> None:
        """Write what waits, then let go."""
        self._writer.close()
        self._database.close()

    def _first_use(self, artifact_root: str, now_ms: int) -> bytes:
        """The secret; makes it and the default experiment when the database is new."""
        with self._database.reading() as session:
            held = _secret_in(session)
        if held is not None:
            return held

        def make(tx: Transaction) -> bytes:
            made = _secret_in(tx.session)
            if made is not None:  # another process was first
                return made
            made = secrets.token_bytes(32)
            tx.session.connection.execute(insert(t.meta).values(name=_SECRET, value=made))
            default = NewExperiment(
                name=DEFAULT_NAME,
                artifact_location=None,
                artifact_root=artifact_root,
                creation_time=now_ms,
            )
            experiments.add_experiment(tx, default, as_id=0)
            return made

        return self._writer.submit(make).result()


def _secret_in(session: Session) -> bytes | None:
    rows = session.select(select(t.meta.c.value).where(t.meta.c.name == _SECRET))
    return bytes(rows[0][0]) if rows else None
