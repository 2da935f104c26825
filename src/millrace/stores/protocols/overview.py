"""Figures about the runs of a place, of all or of some experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from millrace.core.entities.overview import Activity, BestAsked, BestRun, RunCount


class OverviewStore(Protocol):
    """Figures about the runs of a place; what they cost grows with the runs, and little of each is
    looked at."""

    def run_counts(self, experiment_ids: Sequence[str] | None) -> list[RunCount]:
        """Runs by experiment, life cycle and status, in that order by number and name; None: of all
        experiments. What there is none of is left out."""
        ...

    def run_days(
        self, experiment_ids: Sequence[str] | None, since_ms: int, *, offset_ms: int
    ) -> Mapping[int, int]:
        """How many runs outside the trash began on each day, from that of *since_ms* on; None: of
        all experiments. Days are counted from the epoch, on a clock that is *offset_ms* before
        UTC's."""
        ...

    def activity(self, experiment_ids: Sequence[str]) -> list[Activity]:
        """What the runs of each of some experiments tell; of those that have any outside the trash,
        by number. As many runs as others: whose name comes first."""
        ...

    def best_runs(self, asked: Sequence[BestAsked]) -> list[BestRun]:
        """The best run outside the trash for each experiment and metric, of equal ones the latest,
        then the first id; in the order asked for, without those that have no number."""
        ...

    def owners(self, experiment_ids: Sequence[str]) -> Mapping[str, str]:
        """Whose each run and each logged model of some experiments is, by id, those in the trash
        included. A model is whose the run is that made it; without such a run it is left out."""
        ...
