"""Taking records in as they were elsewhere, with ids, times and life cycle; and giving points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from millrace.core.entities.audit import NO_TRAIL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.experiment import Experiment
    from millrace.core.entities.logged_model import LoggedModel
    from millrace.core.entities.registry import HeldModel
    from millrace.core.entities.run import Run, RunInfo
    from millrace.core.series import Point


class TransferStore(Protocol):
    """Taking records in as they were elsewhere, with ids, times and life cycle; and giving points.

    After each call the record is as given, whatever it was before, so that all may be repeated.
    Nothing here is validated: what another program kept is kept.
    """

    def adopt_experiment(self, experiment: Experiment) -> Future[None]:
        """Have an experiment under its id. AlreadyExists: another one has its name."""
        ...

    def adopt_run(self, run: Run, *, deleted_ms: int | None = None) -> Future[None]:
        """Have a run with its params, tags, inputs and outputs, in its stage. Its metrics are left
        as they are here. NotFound: no such experiment; AlreadyExists: it is in another one."""
        ...

    def adopt_points(self, run_id: str, key: str, points: Sequence[Point]) -> Future[int]:
        """Add points, values as sortable integers, to a series; how many were new. NotFound."""
        ...

    def adopt_logged_model(self, model: LoggedModel, *, is_deleted: bool = False) -> Future[None]:
        """Have a logged model with its params, tags and metrics. NotFound: no such experiment."""
        ...

    def adopt_registered_model(self, held: HeldModel) -> Future[None]:
        """Have a registered model with its versions, tags and aliases. Versions that only this
        place has stay; no number that was given out there or here is given out again."""
        ...

    def registered_models(self, *, after: str, limit: int) -> list[HeldModel]:
        """At most *limit* registered models whose names come after *after*, by name."""
        ...

    def points(self, run_id: str, key: str, *, after: Point | None, limit: int) -> list[Point]:
        """At most *limit* points of a series beyond *after*, by (step, time, value)."""
        ...

    def move_runs(
        self, run_ids: Sequence[str], experiment_id: str, *, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Have runs in another experiment, all of them or none; their ids, series and places of
        artifacts stay. NotFound: a run or the experiment; InvalidArgument: one is in the trash."""
        ...

    def copy_run(
        self, run_id: str, new_id: str, experiment_id: str, *, trail: Trail = NO_TRAIL
    ) -> Future[RunInfo]:
        """Make a run like another, with all its series, under a new id in an experiment. Its place
        for artifacts is its own, and empty. NotFound, InvalidArgument as above; AlreadyExists."""
        ...
