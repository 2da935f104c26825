"""Verbs for runs that go to another experiment, or are made like another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millrace.api.endpoint import Nothing
from millrace.api.moving import CopiedRun, CopyRun, MoveRuns
from millrace.client.verbs import Verbs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from millrace.core.entities.run import RunInfo


class MovingVerbs(Verbs):
    """The part of the explicit client that moves and copies runs."""

    def move_runs(self, run_ids: Sequence[str], experiment_id: str) -> None:
        """Move runs to another experiment, all of them or none; they keep ids and histories."""
        request = MoveRuns(
            run_ids=tuple(self._id(one) for one in run_ids), experiment_id=self._id(experiment_id)
        )
        self._call("moveRuns", request, Nothing)

    def copy_run(
        self, run_id: str, experiment_id: str | None = None, *, artifacts: bool = True
    ) -> RunInfo:
        """Make a run like another, in an experiment or beside it; with its files, too."""
        request = CopyRun(
            run_id=self._id(run_id),
            experiment_id=None if experiment_id is None else self._id(experiment_id),
            artifacts=artifacts,
        )
        return self._call("copyRun", request, CopiedRun).run_info
