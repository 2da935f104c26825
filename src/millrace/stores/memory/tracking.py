"""Experiments, runs and series in dictionaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from millrace.core import clock
from millrace.core.entities.access import SYSTEM
from millrace.core.entities.audit import NO_TRAIL, Act, Trail
from millrace.core.entities.dataset import DatasetInput, DatasetSummary
from millrace.core.entities.entity import mapping, pairs
from millrace.core.entities.experiment import DEFAULT_NAME, Experiment
from millrace.core.entities.run import TERMINAL, ParamClash, RunChange, StopAsked
from millrace.core.entities.webhook import MOVED
from millrace.core.errors import AlreadyExists, InvalidArgument, NotFound
from millrace.core.filters.ast import fields_of
from millrace.core.rules.transfer import check_same_experiment
from millrace.core.series import nearest
from millrace.core.tags import DATASET_CONTEXT, RUN_NAME, STOP
from millrace.stores.memory import search
from millrace.stores.memory.models import LoggedModels, below
from millrace.stores.memory.records import RunRecord
from millrace.stores.memory.series import Charted, Series, chart, columns, placed
from millrace.stores.protocols import Appended, NewExperiment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Future

    from millrace.core.entities.experiment import ExperimentChange
    from millrace.core.entities.metric import MetricSummary
    from millrace.core.entities.run import Batch, Run, RunInfo
    from millrace.core.filters.ast import Field
    from millrace.core.pages import Page, Position
    from millrace.core.series import Point
    from millrace.stores.memory.ledger import Ledger
    from millrace.stores.memory.records import Held, ModelRecord
    from millrace.stores.protocols import (
        MetricWindow,
        Points,
        Query,
        SeriesAnswer,
        SeriesWindow,
    )


class MemoryTracking(LoggedModels):
    """The tracking records of one place; logged models are inherited."""

    def __init__(self, ledger: Ledger, held: Held) -> None:
        super().__init__(ledger, held)
        self._runs = held.runs
        self._datasets = held.datasets
        self._next_id = 0

    def add_default(self, artifact_root: str) -> None:
        """Make the first experiment of a new place."""
        default = NewExperiment(
            name=DEFAULT_NAME,
            artifact_location=None,
            artifact_root=artifact_root,
            creation_time=clock.now_ms(),
        )
        self._add_experiment(default)

    # --- experiments ---------------------------------------------------------------------------

    def add_experiment(
        self, experiment: NewExperiment, *, trail: Trail = NO_TRAIL
    ) -> Future[Experiment]:
        """Record an experiment under the next free id."""
        return self._ledger.write(trail, lambda: self._add_experiment(experiment, trail))

    def _add_experiment(self, new: NewExperiment, trail: Trail = NO_TRAIL) -> Experiment:
        self._check_name_free(new.name)
        experiment_id = self._new_experiment_id()
        experiment = Experiment(
            experiment_id=experiment_id,
            name=new.name,
            artifact_location=new.artifact_location or below(new.artifact_root, experiment_id),
            lifecycle_stage="active",
            creation_time=new.creation_time,
            last_update_time=new.creation_time,
            tag_list=pairs(mapping(new.tags)),
            workspace="default",
        )
        self._experiments[experiment_id] = experiment
        self._ledger.note(trail, "experiment", experiment_id, after=experiment)
        self._ledger.emit(trail, "experiment.created", experiment)
        return experiment

    def _new_experiment_id(self) -> str:
        self._next_id += 1
        return str(self._next_id - 1)

    def _check_name_free(self, name: str) -> None:
        if holder := self.experiment_named(name):
            raise AlreadyExists(
                f"Experiment {holder.experiment_id} ({holder.lifecycle_stage}) is named {name!r} "
                "already. Choose another name."
            )

    def experiment(self, experiment_id: str) -> Experiment | None:
        """The experiment, deleted ones included."""
        with self._ledger.lock:
            return self._experiments.get(experiment_id)

    def experiment_named(self, name: str) -> Experiment | None:
        """The experiment of that very name, deleted ones included."""
        with self._ledger.lock:
            return next((one for one in self._experiments.values() if one.name == name), None)

    def change_experiment(
        self, experiment_id: str, change: ExperimentChange, *, trail: Trail = NO_TRAIL
    ) -> Future[Experiment]:
        """Change an experiment; its runs follow its life cycle."""
        return self._ledger.write(
            trail, lambda: self._change_experiment(experiment_id, change, trail)
        )

    def _change_experiment(
        self, experiment_id: str, change: ExperimentChange, trail: Trail
    ) -> Experiment:
        old = self._experiment(experiment_id)
        if change.lifecycle_stage is None and old.lifecycle_stage == "deleted":
            raise InvalidArgument(
                f"Experiment {experiment_id} is deleted.", hint="Restore it first."
            )
        if change.lifecycle_stage == old.lifecycle_stage:
            raise NotFound(f"Experiment {experiment_id} is {old.lifecycle_stage} already.")
        if change.lifecycle_stage == "active":
            self.held.check_restorable("experiment", experiment_id)
        if change.name is not None and change.name != old.name:
            self._check_name_free(change.name)
        tags = old.tags | mapping(change.set_tags)
        if change.delete_tag is not None and tags.pop(change.delete_tag, None) is None:
            raise NotFound(f"Experiment {experiment_id} has no tag {change.delete_tag!r}.")
        new = replace(
            old,
            name=old.name if change.name is None else change.name,
            lifecycle_stage=change.lifecycle_stage or old.lifecycle_stage,
            last_update_time=(
                old.last_update_time if change.last_update_time is None else change.last_update_time
            ),
            tag_list=pairs(tags),
        )
        self._experiments[experiment_id] = new
        if change.lifecycle_stage is not None:
            self._take_along(experiment_id, change)
            self._ledger.emit(trail, MOVED["experiment", change.lifecycle_stage], new)
        self._ledger.note(trail, "experiment", experiment_id, before=old, after=new)
        return new

    def _take_along(self, experiment_id: str, change: ExperimentChange) -> None:
        """Take the runs of an experiment to the trash or out of it."""
        stage = change.lifecycle_stage
        assert stage is not None  # noqa: S101 - for the type checker
        at_ms = change.last_update_time if stage == "deleted" else None
        self.held.deleted_ms[experiment_id] = at_ms
        for run in self._runs_of([experiment_id]):
            if run.base.lifecycle_stage != stage and run.base.run_id not in self.held.purging:
                run.base = replace(run.base, lifecycle_stage=stage)
                run.deleted_ms = at_ms

    def find_experiments(self, query: Query) -> Page[Experiment]:
        """Matching experiments, one page."""
        with self._ledger.lock:
            seen = [
                one
                for one in self._experiments.values()
                if search.in_view(one.lifecycle_stage, query.view)
            ]
            ties = search.experiment_ties(query)
            return search.find(seen, query, search.experiment_values, ties)

    # --- runs ----------------------------------------------------------------------------------

    def add_run(self, run: Run, *, is_drawn: bool = False, trail: Trail = NO_TRAIL) -> Future[Run]:
        """Record a new run with its tags."""
        return self._ledger.write(trail, lambda: self._add_run(run, trail, is_drawn=is_drawn))

    def _add_run(self, run: Run, trail: Trail, *, is_drawn: bool = False) -> Run:
        info = run.info
        experiment = self._active_experiment(info.experiment_id)
        if self._is_taken(info, is_drawn=is_drawn):
            raise AlreadyExists(f"Run {info.run_id!r} exists already.")
        uri = info.artifact_uri or below(experiment.artifact_location, f"{info.run_id}/artifacts")
        record = RunRecord(replace(run, info=replace(info, artifact_uri=uri)))
        self._runs[info.run_id] = record
        self._ledger.note(trail, "run", info.run_id, after=record.info)
        self._ledger.emit(trail, "run.created", record.info)
        return record.entity()

    def _is_taken(self, info: RunInfo, *, is_drawn: bool) -> bool:  # noqa: ARG002 - for folders
        return info.run_id in self._runs

    def _run(self, run_id: str) -> RunRecord:
        run = self._runs.get(run_id)
        if run is None:
            raise NotFound(f"No run {run_id!r}.")
        return run

    def _active_run(self, run_id: str) -> RunRecord:
        run = self._run(run_id)
        if run.base.lifecycle_stage == "deleted":
            raise InvalidArgument(f"Run {run_id!r} is deleted.", hint="Restore it first.")
        return run

    def _runs_of(self, experiment_ids: Sequence[str]) -> list[RunRecord]:
        return [run for run in self._runs.values() if run.base.experiment_id in experiment_ids]

    def run(self, run_id: str) -> msgspec.Raw | None:
        """The run as wire JSON, deleted ones included."""
        with self._ledger.lock:
            run = self._runs.get(run_id)
            return None if run is None else run.document()

    def change_run(
        self, run_id: str, change: RunChange, *, trail: Trail = NO_TRAIL
    ) -> Future[RunInfo]:
        """Change a run."""
        return self._ledger.write(trail, lambda: self._change_run(run_id, change, trail))

    def _change_run(self, run_id: str, change: RunChange, trail: Trail) -> RunInfo:
        run = self._active_run(run_id) if change.lifecycle_stage is None else self._run(run_id)
        old, before = run.base, run.info
        if change.lifecycle_stage == "active":
            self._active_experiment(old.experiment_id)
            self.held.check_restorable("run", run_id)
        if change.lifecycle_stage not in {None, old.lifecycle_stage}:
            run.deleted_ms = change.deleted_ms if change.lifecycle_stage == "deleted" else None
        run.base = replace(
            old,
            status=change.status or old.status,
            end_time=old.end_time if change.end_time is None else change.end_time,
            run_name=old.run_name if change.run_name is None else change.run_name,
            lifecycle_stage=change.lifecycle_stage or old.lifecycle_stage,
        )
        if change.run_name is not None:
            run.tags[RUN_NAME] = change.run_name
        if change.status in TERMINAL:
            run.lease_until_ms = None
        if change.lease_until_ms is not None:
            run.lease_until_ms = change.lease_until_ms
        run.revive()
        self._ledger.note(trail, "run", run_id, before=before, after=run.info)
        if trail.act is not None and change.lifecycle_stage is not None:
            self._ledger.emit(trail, MOVED["run", change.lifecycle_stage], run.info)
        if trail.act is not None and change.status in TERMINAL:
            self._ledger.emit(trail, "run.ended", run.info)
        return run.info

    def extend_lease(self, run_id: str, until_ms: int) -> Future[StopAsked | None]:
        """A run gives a sign of life; what it was asked meanwhile."""

        def extend() -> StopAsked | None:
            self._change_run(run_id, RunChange(lease_until_ms=until_ms), NO_TRAIL)
            return StopAsked.read(self._run(run_id).tags.get(STOP))

        return self._ledger.write(NO_TRAIL, extend)

    def ask_to_stop(
        self, run_id: str, asked: StopAsked, *, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Note that a run was asked to stop."""

        def ask() -> None:
            run = self._active_run(run_id)
            before = StopAsked.read(run.tags.get(STOP))
            run.tags[STOP] = asked.written()
            self._ledger.note(trail, "run", run_id, before={"stop": before}, after={"stop": asked})

        return self._ledger.write(trail, ask)

    def append(self, run_id: str, batch: Batch, *, trail: Trail = NO_TRAIL) -> Future[Appended]:
        """Append a batch to a run, all or nothing."""
        return self._ledger.write(
            trail, lambda: self._append(run_id, batch), was_written=Appended.was_written
        )

    def _append(self, run_id: str, batch: Batch) -> Appended:
        run = self._active_run(run_id)
        of_models = [
            (self._model(metric.model_id), metric) for metric in batch.metrics if metric.model_id
        ]
        clashes = tuple(
            ParamClash(key=entry.key, old=old, new=entry.value)
            for entry in batch.params
            if (old := run.params.get(entry.key, entry.value)) != entry.value
        )
        missing = tuple(key for key in batch.delete_tags if key not in run.tags)
        if clashes or missing:
            return Appended(clashes=clashes, missing_tags=missing)
        self._ledger.touch(run_id, run.base.experiment_id)
        run.revive()
        if batch.run_name is not None:
            run.base = replace(run.base, run_name=batch.run_name)
        run.params |= mapping(batch.params)
        run.tags |= mapping(batch.set_tags)
        for key in batch.delete_tags:
            run.tags.pop(key, None)
        for model, metric in of_models:
            model.add_metric(run_id, metric)
        self._add_inputs_and_outputs(run, batch)
        return Appended(new_points=sum([run.add_point(metric) for metric in batch.metrics]))

    def _add_inputs_and_outputs(self, run: RunRecord, batch: Batch) -> None:
        """What is noted already stays as it is, so that a repeated batch changes nothing."""
        for entry in batch.datasets:
            dataset = entry.dataset
            identity = (run.base.experiment_id, dataset.name, dataset.digest)
            run.add_dataset(entry, self._datasets.setdefault(identity, dataset))
        for model_input in batch.model_inputs:
            run.model_inputs.setdefault(model_input.model_id, model_input)
        for model_output in batch.model_outputs:
            run.model_outputs.setdefault(model_output.model_id, model_output)

    def append_to_tag_list(
        self, run_id: str, key: str, item: object, *, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Append *item* to the JSON list kept in tag *key*."""
        return self._ledger.write(trail, lambda: self._append_to_tag_list(run_id, key, item))

    def _append_to_tag_list(self, run_id: str, key: str, item: object) -> None:
        run = self._active_run(run_id)
        try:
            items = msgspec.json.decode(run.tags.get(key, "[]"), type=list[object])
        except msgspec.DecodeError as error:
            raise InvalidArgument(
                f"Tag {key!r} of run {run_id!r} holds no JSON list to append to. Set it anew."
            ) from error
        run.tags[key] = msgspec.json.encode([*items, item]).decode()
        run.revive()

    def find_runs(self, experiment_ids: Sequence[str], query: Query) -> Page[msgspec.Raw]:
        """Matching runs, one page."""
        with self._ledger.lock:
            fields = (*fields_of(query.tree), *(key.field for key in query.order))
            searched = self.records(experiment_ids, fields)
            seen = [run for run in searched if search.in_view(run.base.lifecycle_stage, query.view)]
            page = search.find(
                seen,
                query,
                search.run_values,
                search.RUN_TIES,
                lambda key: any(key in run.series for run in searched),
            )
            return page.map(self._shown)

    def records(
        self,
        experiment_ids: Sequence[str],
        fields: Iterable[Field] | None,  # noqa: ARG002 - a store may look at less
    ) -> list[RunRecord]:
        """Runs in which *fields* may be relied upon; None: all of them. Hold the lock."""
        return self._runs_of(experiment_ids)

    def record(self, run_id: str) -> RunRecord | None:
        """A run, deleted ones included. Hold the lock."""
        return self._runs.get(run_id)

    def _shown(self, run: RunRecord) -> msgspec.Raw:
        """A run that was found."""
        return run.document()

    def expire_leases(self, now_ms: int) -> Future[int]:
        """Mark running runs whose lease ended before *now_ms* as lost; how many."""
        return self._ledger.write(NO_TRAIL, lambda: self._expire_leases(now_ms))

    def _expire_leases(self, now_ms: int) -> int:
        ended = [
            run
            for run in self._leased_runs()
            if run.base.status == "RUNNING"
            and not run.lost
            and run.lease_until_ms is not None
            and run.lease_until_ms < now_ms
        ]
        trail = Trail(
            act=Act(action="run.lose", actor=SYSTEM.name, verified=SYSTEM.verified, at_ms=now_ms)
        )
        for run in ended:
            run.lose()
            self._ledger.note(
                trail, "run", run.base.run_id, before={"lost": False}, after={"lost": True}
            )
        return len(ended)

    def _leased_runs(self) -> list[RunRecord]:
        """All runs that may have a lease."""
        return list(self._runs.values())

    # --- records taken in as they were elsewhere (`MemoryTransfer`) -----------------------------

    def put_experiment(self, experiment: Experiment) -> None:
        """Have *experiment*, in place of one with its id."""
        holder = self.experiment_named(experiment.name)
        if holder is not None and holder.experiment_id != experiment.experiment_id:
            self._check_name_free(experiment.name)
        self._experiments[experiment.experiment_id] = experiment
        self._next_id = max(self._next_id, int(experiment.experiment_id) + 1)

    def put_run(self, record: RunRecord) -> None:
        """Have a run, in place of one with its id, whose series it takes over."""
        info = record.base
        self._experiment(info.experiment_id)
        held = self._runs.get(info.run_id)
        if held is not None:
            check_same_experiment(info, held.base.experiment_id)
            record.series = held.series
        self._runs[info.run_id] = record

    def put_logged_model(self, record: ModelRecord) -> None:
        """Have a logged model, in place of one with its id."""
        self._experiment(record.base.experiment_id)
        self._models[record.base.model_id] = record

    def move_runs(self, run_ids: Sequence[str], experiment_id: str, trail: Trail) -> None:
        """Have active runs in another active experiment."""
        self._active_experiment(experiment_id)
        for run in [self._active_run(run_id) for run_id in run_ids]:
            before = run.base
            run.base = replace(before, experiment_id=experiment_id)
            self._ledger.note(trail, "run", before.run_id, before=before, after=run.base)
            for read in run.datasets.values():
                identity = (experiment_id, read.dataset.name, read.dataset.digest)
                self._datasets.setdefault(identity, read.dataset)

    def copy_run(self, run_id: str, new_id: str, experiment_id: str, trail: Trail) -> RunInfo:
        """Make a run like an active one under a new id."""
        old = self._active_run(run_id)
        entity = old.entity()
        info = replace(
            old.base, run_id=new_id, run_uuid=new_id, experiment_id=experiment_id, artifact_uri=""
        )
        self._add_run(replace(entity, info=info), trail)
        new = self._runs[new_id]
        for key, series in old.series.items():
            new.series[key] = Series()
            new.series[key].extend(series.points)
        new.datasets = dict(old.datasets)
        new.model_inputs, new.model_outputs = dict(old.model_inputs), dict(old.model_outputs)
        return new.info

    def held_run(self, run_id: str) -> RunRecord:
        """The run of that id, in whatever stage; raise `NotFound`."""
        return self._run(run_id)

    # --- series --------------------------------------------------------------------------------

    def _series(self, run_id: str, key: str) -> Series | None:
        run = self._runs.get(run_id)
        return None if run is None else run.series.get(key)

    def metric_history(
        self, run_id: str, key: str, window: MetricWindow
    ) -> tuple[Points, Position | None]:
        """A page of a series by (timestamp, step, value)."""
        with self._ledger.lock:
            series = self._series(run_id, key)
            return series.history(window) if series else (columns([]), None)

    def metric_sample(
        self, run_id: str, key: str, *, start: int | None, end: int | None, limit: int
    ) -> Points:
        """At most *limit* points of a range of steps, evenly chosen."""
        with self._ledger.lock:
            series = self._series(run_id, key)
            return series.sample(start, end, limit) if series else columns([])

    def series(
        self, run_ids: Sequence[str], keys: Sequence[str], window: SeriesWindow
    ) -> SeriesAnswer:
        """Series of many runs and keys on one grid, by run and then key as asked for."""
        with self._ledger.lock:
            return chart(self._charted(run_ids, keys, window.x_metric), window)

    def series_mark(self, run_ids: Sequence[str], keys: Sequence[str]) -> str:
        """What changes with any of these series."""
        with self._ledger.lock:
            asked = self._charted(run_ids, keys, None)
            states = [
                (one.run_id, one.key, len(one.series.points), one.start_time) for one in asked
            ]
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
        with self._ledger.lock:
            return [
                (one.run_id, one.key, float(found[0]), found[1])
                for one in self._charted(run_ids, keys, window.x_metric)
                if (found := nearest(placed(one, window), at, previous=previous)) is not None
            ]

    def _charted(
        self, run_ids: Sequence[str], keys: Sequence[str], x_metric: str | None
    ) -> list[Charted]:
        runs = [self._runs[run_id] for run_id in dict.fromkeys(run_ids) if run_id in self._runs]
        return [
            Charted(
                run.base.run_id,
                key,
                run.series[key],
                run.base.start_time,
                run.series.get(x_metric or ""),
            )
            for run in runs
            for key in dict.fromkeys(keys)
            if key in run.series
        ]

    def metric_summaries(self, run_id: str) -> list[MetricSummary]:
        """Aggregates of every series of a run, by key."""
        with self._ledger.lock:
            run = self._runs.get(run_id)
            return [run.series[key].summary(key) for key in sorted(run.series)] if run else []

    # --- inputs --------------------------------------------------------------------------------

    def datasets_of(self, run_id: str) -> list[DatasetInput]:
        """The data sets that a run read; none of a run that is not here."""
        run = self._runs.get(run_id)
        return [] if run is None else list(run.datasets.values())

    def dataset_summaries(self, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
        """Distinct (experiment, name, digest, context) of the data sets that runs read."""
        with self._ledger.lock:
            found = {
                DatasetSummary(
                    experiment_id=run.base.experiment_id,
                    name=read.dataset.name,
                    digest=read.dataset.digest,
                    context=read.tags.get(DATASET_CONTEXT),
                )
                for run in self._runs_of(experiment_ids)
                for read in run.datasets.values()
            }
        return sorted(found, key=lambda one: (one.name, one.digest, one.context or ""))
