"""Records taken into memory as they were elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.errors import NotSupported
from millrace.stores.memory.records import ModelMetric, ModelRecord, RunRecord
from millrace.stores.memory.series import Series

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.experiment import Experiment
    from millrace.core.entities.logged_model import LoggedModel
    from millrace.core.entities.registry import HeldModel
    from millrace.core.entities.run import Run, RunInfo
    from millrace.core.series import Point
    from millrace.stores.memory.ledger import Ledger
    from millrace.stores.memory.registry import MemoryRegistry
    from millrace.stores.memory.tracking import MemoryTracking


class MemoryTransfer:
    """The way into a `MemoryTracking`, past its rules."""

    def __init__(
        self, ledger: Ledger, tracking: MemoryTracking, registry: MemoryRegistry | None
    ) -> None:
        self._ledger = ledger
        self._tracking = tracking
        self._registry = registry

    def adopt_experiment(self, experiment: Experiment) -> Future[None]:
        """Have an experiment under its id."""
        return self._ledger.write(NO_TRAIL, lambda: self._tracking.put_experiment(experiment))

    def adopt_run(self, run: Run, *, deleted_ms: int | None = None) -> Future[None]:
        """Have a run in its stage; its series stay as they are."""
        del deleted_ms  # the stage tells enough while the process lives

        def change() -> None:
            record = RunRecord(run)
            for entry in run.inputs.dataset_inputs:
                record.add_dataset(entry, entry.dataset)
            record.model_inputs = {one.model_id: one for one in run.inputs.model_inputs}
            record.model_outputs = {one.model_id: one for one in run.outputs.model_outputs}
            self._tracking.put_run(record)

        return self._ledger.write(NO_TRAIL, change)

    def adopt_points(self, run_id: str, key: str, points: Sequence[Point]) -> Future[int]:
        """Add points to a series."""

        def change() -> int:
            series = self._tracking.held_run(run_id).series.setdefault(key, Series())
            return series.extend(points)

        return self._ledger.write(NO_TRAIL, change)

    def adopt_logged_model(self, model: LoggedModel, *, is_deleted: bool = False) -> Future[None]:
        """Have a logged model."""

        def change() -> None:
            record = ModelRecord(model)
            record.metrics = {
                ModelMetric.of(metric.run_id or "", metric) for metric in model.data.metric_list
            }
            record.deleted = is_deleted
            self._tracking.put_logged_model(record)

        return self._ledger.write(NO_TRAIL, change)

    def adopt_registered_model(self, held: HeldModel) -> Future[None]:
        """Have a registered model with its versions, tags and aliases."""
        registry = self._registry
        if registry is None:
            raise NotSupported("There is no model registry here.")
        return self._ledger.write(NO_TRAIL, lambda: registry.put(held))

    def registered_models(self, *, after: str, limit: int) -> list[HeldModel]:
        """Registered models whose names come after *after*, by name."""
        with self._ledger.lock:
            held = [] if self._registry is None else self._registry.held()
            return [one for one in held if one.model.name > after][:limit]

    def move_runs(
        self, run_ids: Sequence[str], experiment_id: str, *, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Have runs in another experiment, all of them or none."""
        return self._ledger.write(
            trail, lambda: self._tracking.move_runs(run_ids, experiment_id, trail)
        )

    def copy_run(
        self, run_id: str, new_id: str, experiment_id: str, *, trail: Trail = NO_TRAIL
    ) -> Future[RunInfo]:
        """Make a run like another."""
        return self._ledger.write(
            trail, lambda: self._tracking.copy_run(run_id, new_id, experiment_id, trail)
        )

    def points(self, run_id: str, key: str, *, after: Point | None, limit: int) -> list[Point]:
        """Points of a series beyond *after*."""
        with self._ledger.lock:
            series = self._tracking.held_run(run_id).series.get(key, Series())
            return [one for one in series.points if after is None or one > after][:limit]
