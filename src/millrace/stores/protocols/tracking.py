"""Records of experiments, runs, series and logged models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.run import ParamClash

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.dataset import DatasetSummary
    from millrace.core.entities.entity import KeyValue, ViewType
    from millrace.core.entities.experiment import Experiment, ExperimentChange
    from millrace.core.entities.logged_model import LoggedModel, LoggedModelChange
    from millrace.core.entities.metric import MetricSummary
    from millrace.core.entities.run import Batch, Run, RunChange, RunInfo, StopAsked
    from millrace.core.filters.ast import Expr
    from millrace.core.filters.order import OrderKey
    from millrace.core.pages import Page, Position
    from millrace.core.series import Point
    from millrace.stores.protocols.series import MetricWindow, Points, SeriesAnswer, SeriesWindow


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A search: which records, in which order, and where to go on.

    `order` is complete but for the tie-breaks that the store adds for its entity: runs by start
    time descending then id, experiments by creation time descending then id (id descending after
    an explicit order), models and data sets by creation time descending then id.
    """

    tree: Expr
    order: tuple[OrderKey, ...] = ()
    view: ViewType = "ACTIVE_ONLY"
    limit: int = 1000
    after: Position | None = None


class NewExperiment(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment to be; the store counts its id up. Without a location it gets `root/<id>`."""

    name: str
    artifact_location: str | None
    artifact_root: str
    creation_time: int
    tags: tuple[KeyValue, ...] = ()


class Appended(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of an append. With clashes or missing tags, nothing at all was written."""

    clashes: tuple[ParamClash, ...] = ()
    new_points: int = 0
    missing_tags: tuple[str, ...] = ()

    def was_written(self) -> bool:
        """Whether the batch is in; what was refused leaves no receipt."""
        return not (self.clashes or self.missing_tags)


class TrackingStore(Protocol):
    """Records of experiments, runs, series and logged models."""

    # experiments
    def add_experiment(
        self, experiment: NewExperiment, *, trail: Trail = NO_TRAIL
    ) -> Future[Experiment]:
        """Record an experiment under the next free id. AlreadyExists when the name is taken."""
        ...

    def experiment(self, experiment_id: str) -> Experiment | None: ...

    def experiment_named(self, name: str) -> Experiment | None: ...

    def change_experiment(
        self, experiment_id: str, change: ExperimentChange, *, trail: Trail = NO_TRAIL
    ) -> Future[Experiment]:
        """Change an experiment. Its life cycle takes its runs along.

        NotFound: no such experiment, none in the stage to move from, or no such tag to delete;
        AlreadyExists: the new name is taken; InvalidArgument: it is in the trash (for anything but
        the life cycle).
        """
        ...

    def find_experiments(self, query: Query) -> Page[Experiment]: ...

    # runs
    def add_run(self, run: Run, *, is_drawn: bool = False, trail: Trail = NO_TRAIL) -> Future[Run]:
        """Record a new run with its tags. NotFound / InvalidArgument: its experiment is not there
        or in the trash; AlreadyExists: the id is taken. An empty `artifact_uri` in
        `run.info` is filled as `<experiment's artifact location>/<run id>/artifacts`.

        *is_drawn*: its id was drawn just now, so that no other experiment can have it, and a store
        need not look there."""
        ...

    def run(self, run_id: str) -> msgspec.Raw | None:
        """The run as wire JSON (an encoded `Run`), deleted ones included."""
        ...

    def change_run(
        self, run_id: str, change: RunChange, *, trail: Trail = NO_TRAIL
    ) -> Future[RunInfo]:
        """Change a run. A new name is its tag `mlflow.runName`, too; the end of a run ends its
        lease. NotFound; InvalidArgument when it is in the trash, except for life cycle; a run
        cannot be restored while its experiment is in the trash (InvalidArgument)."""
        ...

    def extend_lease(self, run_id: str, until_ms: int) -> Future[StopAsked | None]:
        """A run gives a sign of life, and promises another one; what it was asked meanwhile. Raises
        as `change_run` does."""
        ...

    def ask_to_stop(
        self, run_id: str, asked: StopAsked, *, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Note that a run was asked to stop. That is no sign of life of it. NotFound;
        InvalidArgument when it is in the trash."""
        ...

    def append(self, run_id: str, batch: Batch, *, trail: Trail = NO_TRAIL) -> Future[Appended]:
        """Append a batch to a run, all or nothing. NotFound: no such run, or no such logged model
        that a metric names; InvalidArgument: in the trash. Clashing params and tags to delete that
        are not there are reported in the result, and then nothing was written."""
        ...

    def append_to_tag_list(
        self, run_id: str, key: str, item: object, *, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Append *item* to the JSON list kept in tag *key*, without losing a concurrent one."""
        ...

    def find_runs(self, experiment_ids: Sequence[str], query: Query) -> Page[msgspec.Raw]:
        """Matching runs as wire JSON (encoded `Run`s). Unknown experiments hold nothing."""
        ...

    def expire_leases(self, now_ms: int) -> Future[int]:
        """Mark running runs whose lease ended before *now_ms* as lost; how many. The cause is
        kept as a tag, which goes when the run speaks again."""
        ...

    # series
    def metric_history(
        self, run_id: str, key: str, window: MetricWindow
    ) -> tuple[Points, Position | None]:
        """A page of a series by (timestamp, step, value), NaN sorting as 0; and where to go on."""
        ...

    def metric_sample(
        self, run_id: str, key: str, *, start: int | None, end: int | None, limit: int
    ) -> Points:
        """At most *limit* points with start <= step <= end, by (step, timestamp, value), NaN first:
        all of them, or the first of each of *limit* equal shares (the first shares take the
        remainder) with the last one replaced by the very last point. *limit* 1: the last point."""
        ...

    def series(
        self, run_ids: Sequence[str], keys: Sequence[str], window: SeriesWindow
    ) -> SeriesAnswer:
        """Series of many runs and keys on one grid; each extreme of the data is in its bucket."""
        ...

    def series_mark(self, run_ids: Sequence[str], keys: Sequence[str]) -> str:
        """What changes with any of these series. Cheap: no point is looked at."""
        ...

    def points_at(
        self,
        run_ids: Sequence[str],
        keys: Sequence[str],
        window: SeriesWindow,
        at: float,
        *,
        previous: bool,
    ) -> list[tuple[str, str, float, Point]]:
        """For each series (run id, key, x, point): the point whose x on the axis of *window* is
        nearest to *at*, the later one of two; *previous*: of those not beyond it. The latest in the
        order of the series, where several have that x."""
        ...

    def metric_summaries(self, run_id: str) -> list[MetricSummary]:
        """Aggregates of every series of a run, by key."""
        ...

    # inputs
    def dataset_summaries(self, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
        """Distinct (experiment, name, digest, context) of the data sets that runs read."""
        ...

    # logged models
    def add_logged_model(
        self, model: LoggedModel, *, trail: Trail = NO_TRAIL
    ) -> Future[LoggedModel]:
        """Record a new logged model. NotFound / InvalidArgument as for runs. An empty
        `artifact_uri` becomes `<experiment's artifact location>/models/<model id>/artifacts`."""
        ...

    def logged_model(self, model_id: str) -> LoggedModel | None:
        """The model; None when it is not there or in the trash."""
        ...

    def change_logged_model(
        self, model_id: str, change: LoggedModelChange, *, trail: Trail = NO_TRAIL
    ) -> Future[LoggedModel]:
        """Change a logged model. NotFound: no such model or tag; InvalidArgument: a param that
        holds another value."""
        ...

    def find_logged_models(
        self,
        experiment_ids: Sequence[str],
        query: Query,
        *,
        datasets: Sequence[tuple[str, str | None]] = (),
    ) -> Page[LoggedModel]:
        """Matching models. With *datasets* (name, digest or None for any), metric conditions and
        orders only see metrics logged with one of them."""
        ...
