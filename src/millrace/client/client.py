"""`MillraceClient`: every verb of tracking, explicitly: build the request, call, return entities.

Logging verbs go through the channel (queue, batches, spool); everything else is one call. Ids that
runs had in the spool stay valid here after the server has given them others.
"""

# The signatures are the field's.
# ruff: noqa: FBT001, FBT002, PLR0913, PLR0917

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

import msgspec

from millrace.api.endpoint import Nothing
from millrace.api.series import RunOfSummaries, SummariesReply
from millrace.api.tracking import (
    CreateExperiment,
    CreateRun,
    DatasetEntry,
    DatasetInputEntry,
    DeleteExperimentTag,
    DeleteTag,
    Entry,
    ExperimentCreated,
    ExperimentId,
    ExperimentName,
    ExperimentReply,
    ExperimentsReply,
    GetHistory,
    LogInputs,
    LogOutputs,
    MetricsReply,
    ModelInputEntry,
    ModelOutputEntry,
    RunId,
    RunReply,
    RunsReply,
    SearchExperiments,
    SearchRuns,
    SetExperimentTag,
    StopReply,
    UpdateExperiment,
    UpdateRun,
)
from millrace.client import context
from millrace.client.files import ArtifactVerbs
from millrace.client.moving import MovingVerbs
from millrace.client.records import (
    MOST_ENTRIES,
    Logged,
    called,
    checked_key,
    entries,
    local_id,
    point,
    split,
)
from millrace.client.trash import TrashVerbs
from millrace.client.verbs import PagedList
from millrace.core import clock, ids, settings, tags
from millrace.core.entities.entity import pairs
from millrace.core.entities.experiment import Experiment
from millrace.core.entities.run import STATUS_NUMBERS, TERMINAL, Run, RunData, RunInfo
from millrace.core.errors import AlreadyExists, InvalidArgument, NotFound, Unavailable
from millrace.http.faults import Untrusted
from millrace.http.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from millrace.api.endpoint import Request
    from millrace.client.batching import Pending, Remaining
    from millrace.core.entities.entity import ViewType
    from millrace.core.entities.metric import Metric, MetricSummary
    from millrace.core.entities.run import RunStatus

T = TypeVar("T")

_HISTORY_PAGE: Final = 25_000
_START: Final = Patience(retries=5, backoff_s=0.5, jitter_s=0.5, timeout_s=30.0, total_s=10.0)
"""Starting waits this long for a server; then the run begins in the spool."""


class KeyAndValue(Protocol):
    """Anything with a key and a value: a param, a tag."""

    @property
    def key(self) -> str:
        """Its key."""
        ...

    @property
    def value(self) -> Any:  # noqa: ANN401 - becomes text or a number
        """Its value."""
        ...


class Point(KeyAndValue, Protocol):
    """Anything that looks like a metric point."""

    @property
    def timestamp(self) -> int:
        """Milliseconds since the epoch."""
        ...

    @property
    def step(self) -> int | None:
        """None: 0."""
        ...


class Operations:
    """Several logged things on their way."""

    def __init__(self, pending: Sequence[Pending]) -> None:
        self._pending = pending

    def wait(self) -> None:
        """Return when all have arrived or are safe in the spool; raise if one was refused."""
        for each in self._pending:
            each.wait()


class MillraceClient(ArtifactVerbs, MovingVerbs, TrashVerbs):
    """Talks to one tracking URI. Thread-safe and cheap: clients of one URI share connections.

    *tracking_uri* is an `http(s)://` address, a database URI, or `databricks[://profile]`; the
    default comes from `set_tracking_uri`, `MILLRACE_TRACKING_URI` or `MLFLOW_TRACKING_URI`.

    Logging verbs take `synchronous`: False returns at once with something to `wait()` for; None
    is what `MILLRACE_ENABLE_ASYNC_LOGGING` says.
    """

    # --- experiments ---------------------------------------------------------------------------

    def create_experiment(
        self,
        name: str,
        artifact_location: str | None = None,
        tags: Mapping[str, object] | None = None,
    ) -> str:
        """Create an experiment and return its id; `AlreadyExists` if the name is taken."""
        request = _experiment(name, artifact_location, tags)
        if self.channel.is_offline:
            return self._spool("createExperiment", request, Unavailable("MILLRACE_OFFLINE is set."))
        return self._call("createExperiment", request, ExperimentCreated).experiment_id

    def experiment_named(self, name: str) -> Experiment:
        """The experiment of that name, made if nobody has; with no server, in the spool."""
        request = _experiment(name, None, None)

        def ask() -> Experiment:
            found = self._experiment_by_name(name, _START)
            if found is not None:
                return found
            try:
                made = self._call("createExperiment", request, ExperimentCreated, _START)
            except AlreadyExists:
                found = self._experiment_by_name(name, _START)  # somebody was faster
                if found is None:
                    raise
                return found
            return self.get_experiment(made.experiment_id)

        def keep(error: Unavailable) -> Experiment:
            made_id = self._spool("createExperiment", request, error)
            return _unknown_experiment(made_id, name)

        return self._or_spool(ask, keep)

    def get_experiment(self, experiment_id: str) -> Experiment:
        """The experiment, deleted ones included; `NotFound`."""
        request = ExperimentId(experiment_id=self._id(experiment_id))
        return self._call("getExperiment", request, ExperimentReply).experiment

    def experiment_known_as(self, experiment_id: str) -> Experiment:
        """The experiment; with no server, what its id alone says of it."""

        def ask() -> Experiment:
            request = ExperimentId(experiment_id=self._id(experiment_id))
            return self._call("getExperiment", request, ExperimentReply, _START).experiment

        def keep(_: Unavailable) -> Experiment:
            return _unknown_experiment(experiment_id)

        return self._or_spool(ask, keep)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """The experiment of that name, deleted ones included; None when there is none."""
        return self._experiment_by_name(name)

    def search_experiments(
        self,
        view_type: ViewType | int = "ACTIVE_ONLY",
        max_results: int | None = 1000,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Experiment]:
        """One page of the experiments that match *filter_string*, in *order_by*."""
        request = SearchExperiments(
            view_type=view_type,
            max_results=max_results,
            filter=filter_string,
            order_by=tuple(order_by) if order_by else None,
            page_token=page_token,
        )
        reply = self._call("searchExperiments", request, ExperimentsReply)
        return PagedList(reply.experiments, reply.next_page_token)

    def delete_experiment(self, experiment_id: str) -> None:
        """Move an experiment and its runs to the trash."""
        request = ExperimentId(experiment_id=self._id(experiment_id))
        self._call("deleteExperiment", request, Nothing)

    def restore_experiment(self, experiment_id: str) -> None:
        """Take an experiment and its runs out of the trash."""
        request = ExperimentId(experiment_id=self._id(experiment_id))
        self._call("restoreExperiment", request, Nothing)

    def rename_experiment(self, experiment_id: str, new_name: str) -> None:
        """Give an experiment another name; `AlreadyExists` if it is taken."""
        request = UpdateExperiment(experiment_id=self._id(experiment_id), new_name=new_name)
        self._call("updateExperiment", request, Nothing)

    def set_experiment_tag(self, experiment_id: str, key: str, value: object) -> None:
        """Set a tag of an experiment."""
        request = SetExperimentTag(experiment_id=experiment_id, key=key, value=str(value))
        self.channel.write(called("setExperimentTag", request))

    def delete_experiment_tag(self, experiment_id: str, key: str) -> None:
        """Delete a tag of an experiment; `NotFound` when it has none of that key."""
        request = DeleteExperimentTag(experiment_id=self._id(experiment_id), key=key)
        self._call("deleteExperimentTag", request, Nothing)

    # --- runs ----------------------------------------------------------------------------------

    def create_run(
        self,
        experiment_id: str,
        start_time: int | None = None,
        tags: Mapping[str, object] | None = None,
        run_name: str | None = None,
    ) -> Run:
        """Start a run; *start_time* in milliseconds, now by default.

        With no server it begins in the spool, under an id that stays valid in this process.
        """
        request = CreateRun(
            experiment_id=str(experiment_id),
            user_id=context.user(),
            run_name=run_name,
            start_time=clock.now_ms() if start_time is None else start_time,
            tags=entries("Tag", tags) if tags else None,
        )

        def ask() -> Run:
            known = msgspec.structs.replace(request, experiment_id=self._id(request.experiment_id))
            return self._call("createRun", known, RunReply, _START).run

        return self._or_spool(ask, lambda error: self._spool_run(request, error))

    def get_run(self, run_id: str) -> Run:
        """The run with its params, tags, inputs, outputs and latest metrics; `NotFound`."""
        run_id = self._id(run_id)
        return self._call("getRun", RunId(run_id=run_id, run_uuid=run_id), RunReply).run

    def resume_run(
        self, run_id: str, name: str | None = None, experiment_id: str | None = None
    ) -> Run:
        """Set a run, which must be in *experiment_id* if that is given, to running again.

        With no server that happens in the spool, and nothing but the id is known of the run.
        """

        def ask() -> Run:
            known = self._id(run_id)
            request = RunId(run_id=known, run_uuid=known)
            return self._call("getRun", request, RunReply, _START).run

        run = self._or_spool(ask, lambda _: _unknown_run(run_id))
        if run.info.lifecycle_stage != "active":
            raise InvalidArgument(f"Run {run_id!r} is deleted.", hint="Restore it first.")
        if run.info.experiment_id and experiment_id not in {None, run.info.experiment_id}:
            raise InvalidArgument(
                f"Run {run_id!r} is in experiment {run.info.experiment_id!r}, "
                f"not in {experiment_id!r}."
            )
        self.update_run(run_id, "RUNNING", name)
        return run

    def get_parent_run(self, run_id: str) -> Run | None:
        """The run that *run_id* is nested in, if any."""
        parent = self.get_run(run_id).data.tags.get(tags.PARENT_RUN_ID)
        return self.get_run(parent) if parent else None

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        run_view_type: ViewType | int = "ACTIVE_ONLY",
        max_results: int = 1000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[Run]:
        """One page of the runs that match *filter_string*, in *order_by*."""
        if isinstance(experiment_ids, (str, int)):
            experiment_ids = [str(experiment_ids)]
        request = SearchRuns(
            experiment_ids=tuple(self._id(each) for each in experiment_ids),
            filter=filter_string or None,
            run_view_type=run_view_type,
            max_results=max_results,
            order_by=tuple(order_by) if order_by else None,
            page_token=page_token,
        )
        reply = self._call("searchRuns", request, RunsReply)
        return PagedList(reply.runs, reply.next_page_token)

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Change status or name of a run."""
        self._update(run_id, status=status and _status(status), run_name=name)

    def set_terminated(
        self,
        run_id: str,
        status: str | None = None,
        end_time: int | None = None,
        synchronous: bool = True,
    ) -> None:
        """End a run: *status* is `FINISHED` by default, *end_time* now, in milliseconds."""
        status = _status(status or "FINISHED")
        ended = clock.now_ms() if end_time is None and status in TERMINAL else end_time
        self._update(run_id, synchronous, status=status, end_time=ended)

    def stop_run(self, run_id: str) -> None:
        """Ask a run to stop. Its client hears of it with its next sign of life, within a third of
        its lease, and ends the run as KILLED; see `millrace.RunStopped`."""
        run_id = self._id(run_id)
        self._call("stopRun", RunId(run_id=run_id, run_uuid=run_id), StopReply)

    def delete_run(self, run_id: str) -> None:
        """Move a run to the trash."""
        run_id = self._id(run_id)
        self._call("deleteRun", RunId(run_id=run_id, run_uuid=run_id), Nothing)

    def restore_run(self, run_id: str) -> None:
        """Take a run out of the trash."""
        run_id = self._id(run_id)
        self._call("restoreRun", RunId(run_id=run_id, run_uuid=run_id), Nothing)

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """All points of a metric, by time, step, value; [] when there are none."""
        run_id = self._id(run_id)
        found: list[Metric] = []
        token = None
        while True:
            request = GetHistory(
                run_id=run_id,
                run_uuid=run_id,
                metric_key=key,
                max_results=_HISTORY_PAGE,
                page_token=token,
            )
            reply = self._call("getMetricHistory", request, MetricsReply)
            found += reply.metrics
            token = reply.next_page_token
            if not token:
                return found

    def get_metric_summaries(self, run_id: str) -> list[MetricSummary]:
        """Aggregates of every series of a run, by key; only Millrace's servers know them."""
        run_id = self._id(run_id)
        request = RunOfSummaries(run_id=run_id, run_uuid=run_id)
        return list(self._call("getMetricSummaries", request, SummariesReply).summaries)

    # --- logging -------------------------------------------------------------------------------

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: float,
        timestamp: int | None = None,
        step: int | None = None,
        synchronous: bool | None = None,
        dataset_name: str | None = None,
        dataset_digest: str | None = None,
        model_id: str | None = None,
    ) -> Pending | None:
        """Log one point; *timestamp* is in milliseconds, now by default, *step* 0."""
        at_ms = clock.now_ms() if timestamp is None else timestamp
        entry = point(key, value, at_ms, step, model_id, dataset_name, dataset_digest)
        record = Logged(run_id, (entry,))
        if synchronous is False or (synchronous is None and settings.ENABLE_ASYNC_LOGGING.get()):
            return self.channel.submit(record)
        self.channel.write(record)
        return None

    def log_param(
        self, run_id: str, key: str, value: object, synchronous: bool | None = None
    ) -> Any:  # noqa: ANN401 - the value given, as the field has it
        """Log a param; once logged it cannot be changed. Returns *value* when synchronous."""
        done = self._log(Logged(run_id, params=entries("Param", {key: value})), synchronous)
        return done or value

    def set_tag(
        self, run_id: str, key: str, value: object, synchronous: bool | None = None
    ) -> Operations | Pending | None:
        """Set a tag of a run."""
        return self._log(Logged(run_id, tags=entries("Tag", {key: value})), synchronous)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Delete a tag of a run; `NotFound` when it has none of that key."""
        request = DeleteTag(run_id=run_id, run_uuid=run_id, key=checked_key("Tag", key))
        self.channel.write(called("deleteTag", request, run_id))

    def log_params(
        self, run_id: str, params: Mapping[str, object], synchronous: bool | None = None
    ) -> Operations | Pending | None:
        """Log params, all or none."""
        return self._log(Logged(run_id, params=entries("Param", params)), synchronous)

    def set_tags(
        self, run_id: str, tags: Mapping[str, object], synchronous: bool | None = None
    ) -> Operations | Pending | None:
        """Set tags of a run, all or none."""
        return self._log(Logged(run_id, tags=entries("Tag", tags)), synchronous)

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Point] = (),
        params: Sequence[KeyAndValue] = (),
        tags: Sequence[KeyAndValue] = (),
        synchronous: bool | None = None,
    ) -> Operations | Pending | None:
        """Log many things at once, all or none; beyond 1000 in parts, params and tags first."""
        points = tuple(
            point(
                each.key,
                each.value,
                each.timestamp,
                each.step,
                getattr(each, "model_id", None),
                getattr(each, "dataset_name", None),
                getattr(each, "dataset_digest", None),
            )
            for each in metrics
        )
        record = Logged(run_id, points, _entries("Param", params), _entries("Tag", tags))
        return self._log(record, synchronous)

    def log_inputs(
        self,
        run_id: str,
        datasets: Sequence[Any] | None = None,
        models: Sequence[Any] | None = None,
    ) -> None:
        """Log data sets and models that a run reads.

        *datasets* have `.dataset` (name, digest, source_type, source, schema, profile) and `.tags`,
        as `DatasetInput` has; *models* have `.model_id`.
        """
        request = LogInputs(
            run_id=run_id,
            run_uuid=run_id,
            datasets=tuple(_dataset_input(each) for each in datasets or ()) or None,
            models=tuple(ModelInputEntry(model_id=each.model_id) for each in models or ()) or None,
        )
        self.channel.write(called("logInputs", request, run_id))

    def log_outputs(self, run_id: str, models: Sequence[Any]) -> None:
        """Log models that a run makes: things with `.model_id` and perhaps `.step`."""
        request = LogOutputs(
            run_id=run_id,
            run_uuid=run_id,
            models=tuple(
                ModelOutputEntry(model_id=each.model_id, step=getattr(each, "step", 0))
                for each in models
            ),
        )
        self.channel.write(called("logOutputs", request, run_id))

    def flush(self, timeout_s: float | None = None) -> Remaining:
        """Wait until what was logged asynchronously has arrived or is safe in the spool."""
        return self.channel.flush(timeout_s)

    # --- steps ---------------------------------------------------------------------------------

    def _log(self, record: Logged, synchronous: bool | None) -> Operations | Pending | None:
        parts = split(record) if len(record) > MOST_ENTRIES // 10 else [record]
        if synchronous is False or (synchronous is None and settings.ENABLE_ASYNC_LOGGING.get()):
            pending = [self.channel.submit(part) for part in parts]
            return pending[0] if len(pending) == 1 else Operations(pending)
        for part in parts:
            self.channel.write(part)
        return None

    def _update(self, run_id: str, synchronous: bool = True, **changes: Any) -> None:
        request = UpdateRun(run_id=run_id, run_uuid=run_id, **changes)
        record = called("updateRun", request, run_id)
        if synchronous:
            self.channel.write(record)
        else:
            self.channel.submit(record)

    def _experiment_by_name(self, name: str, patience: Patience | None = None) -> Experiment | None:
        request = ExperimentName(experiment_name=checked_key("Experiment", name))
        try:
            return self._call("getExperimentByName", request, ExperimentReply, patience).experiment
        except NotFound:
            return None

    def _or_spool(self, ask: Callable[[], T], keep: Callable[[Unavailable], T]) -> T:
        """What *ask* gives, or what *keep* puts into the spool when nobody can be asked."""
        if self.channel.is_away:
            return keep(Unavailable(f"{self.tracking_uri} cannot be reached now."))
        try:
            return ask()
        except Untrusted:
            raise  # waiting would not help
        except Unavailable as error:
            return keep(error)

    def _spool(self, endpoint: str, request: Request, error: Unavailable) -> str:
        """Keep a create for later; return the id of what it will make."""
        made = local_id()
        record = called(endpoint, request, local_id=made, key=ids.run_id())
        self.channel.spool_create(record, error)
        return made

    def _spool_run(self, request: CreateRun, error: Unavailable) -> Run:
        """Begin a run in the spool. It gets its name here, so that it has one from the start."""
        given = {entry.key: entry.value or "" for entry in request.tags or ()}
        name = request.run_name or given.get(tags.RUN_NAME) or ids.run_name()
        made = local_id()
        found = given | {tags.RUN_NAME: name, tags.SPOOL_ID: made}
        kept = msgspec.structs.replace(request, run_name=name, tags=entries("Tag", found))
        record = called("createRun", kept, local_id=made, key=ids.run_id())
        self.channel.spool_create(record, error)
        info = msgspec.structs.replace(
            _unknown_run(made).info,
            experiment_id=request.experiment_id,
            run_name=name,
            user_id=request.user_id or "",
            start_time=request.start_time or 0,
        )
        return Run(info=info, data=RunData(tag_list=pairs(found)))


MlflowClient = MillraceClient


def _experiment(
    name: str, artifact_location: str | None, tags: Mapping[str, object] | None
) -> CreateExperiment:
    return CreateExperiment(
        name=checked_key("Experiment", name),
        artifact_location=artifact_location,
        tags=entries("Tag", tags) if tags else None,
    )


def _unknown_experiment(experiment_id: str, name: str = "") -> Experiment:
    return Experiment(
        experiment_id=experiment_id, name=name, artifact_location="", lifecycle_stage="active"
    )


def _unknown_run(run_id: str) -> Run:
    info = RunInfo(
        run_id=run_id,
        run_uuid=run_id,
        experiment_id="",
        run_name="",
        user_id="",
        status="RUNNING",
        start_time=0,
        artifact_uri="",
        lifecycle_stage="active",
    )
    return Run(info=info)


def _status(status: str) -> RunStatus:
    for known in STATUS_NUMBERS.values():
        if status == known:
            return known
    raise InvalidArgument(
        f"Status {status!r}: expected one of {', '.join(STATUS_NUMBERS.values())}."
    )


def _entries(kind: str, values: Iterable[KeyAndValue]) -> tuple[Entry, ...]:
    return tuple(Entry(key=checked_key(kind, each.key), value=str(each.value)) for each in values)


def _dataset_input(given: Any) -> DatasetInputEntry:  # noqa: ANN401 - whatever looks like one
    dataset, found = given.dataset, given.tags
    if not isinstance(found, Mapping):
        found = {each.key: each.value for each in found or ()}
    return DatasetInputEntry(
        dataset=DatasetEntry(
            name=dataset.name,
            digest=dataset.digest,
            source_type=dataset.source_type,
            source=dataset.source,
            schema=dataset.schema,
            profile=dataset.profile,
        ),
        tags=entries("Tag", found) or None,
    )
