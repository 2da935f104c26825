"""Figures about all runs, by looking at each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from millrace.core.entities.overview import DAY_MS, RunCount

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from millrace.core.entities.run import RunInfo
    from millrace.stores.memory.ledger import Ledger
    from millrace.stores.memory.tracking import MemoryTracking


class MemoryOverview:
    """Counts the runs of one place."""

    def __init__(self, ledger: Ledger, tracking: MemoryTracking) -> None:
        self._ledger = ledger
        self._tracking = tracking

    def run_counts(self, experiment_ids: Sequence[str] | None) -> list[RunCount]:
        """Runs by experiment, life cycle and status."""
        with self._ledger.lock:
            found = Counter(
                (one.experiment_id, one.lifecycle_stage, one.status)
                for one in self._runs(experiment_ids)
            )
        return in_order(
            RunCount(experiment_id=home, lifecycle_stage=stage, status=status, runs=runs)
            for (home, stage, status), runs in found.items()
        )

    def run_days(self, since_ms: int, *, offset_ms: int) -> Mapping[int, int]:
        """How many runs began on each day."""
        first = (since_ms + offset_ms) // DAY_MS
        with self._ledger.lock:
            days = Counter(
                (one.start_time + offset_ms) // DAY_MS
                for one in self._runs(None)
                if one.lifecycle_stage == "active"
            )
        return {day: runs for day, runs in days.items() if day >= first}

    def _runs(self, experiment_ids: Sequence[str] | None) -> Iterator[RunInfo]:
        wanted = self._tracking.held.experiments if experiment_ids is None else experiment_ids
        return (run.base for run in self._tracking.records(list(wanted), ()))


def in_order(counts: Iterator[RunCount]) -> list[RunCount]:
    """As `OverviewStore.run_counts` gives them."""
    return sorted(counts, key=lambda one: (int(one.experiment_id), one.lifecycle_stage, one.status))
