"""Figures about runs, by looking at each."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from millrace.core.entities.overview import DAY_MS, Activity, BestRun, RunCount
from millrace.core.filters.ast import Entity, Field
from millrace.core.numbers import key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from millrace.core.entities.overview import BestAsked
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

    def run_days(
        self, experiment_ids: Sequence[str] | None, since_ms: int, *, offset_ms: int
    ) -> Mapping[int, int]:
        """How many runs began on each day."""
        first = (since_ms + offset_ms) // DAY_MS
        with self._ledger.lock:
            days = Counter(
                (one.start_time + offset_ms) // DAY_MS
                for one in self._runs(experiment_ids)
                if one.lifecycle_stage == "active"
            )
        return {day: runs for day, runs in days.items() if day >= first}

    def activity(self, experiment_ids: Sequence[str]) -> list[Activity]:
        """What the runs of each of some experiments tell."""
        with self._ledger.lock:
            users = Counter(
                (one.experiment_id, one.user_id) for one in self._active(experiment_ids)
            )
            last: dict[str, int] = {}
            for one in self._active(experiment_ids):
                at_ms = max(one.start_time, one.end_time or 0)
                last[one.experiment_id] = max(at_ms, last.get(one.experiment_id, 0))
        return told(((home, user, runs, last[home]) for (home, user), runs in users.items()))

    def best_runs(self, asked: Sequence[BestAsked]) -> list[BestRun]:
        """The best run for each experiment and metric."""
        found = []
        with self._ledger.lock:
            for one in asked:
                field = Field(Entity.METRIC, one.key)
                runs = []
                for run in self._tracking.records([one.experiment_id], [field]):
                    series = run.series.get(one.key)
                    if series is None or run.base.lifecycle_stage != "active":
                        continue
                    known = series.aggregates
                    value = known.maximum if one.is_maximized else known.minimum
                    if value is not None:
                        place = key_of(value) * (-1 if one.is_maximized else 1)
                        runs.append((place, -run.base.start_time, run.base.run_id, value))
                if runs:
                    *_, run_id, value = min(runs)
                    found.append(
                        BestRun(experiment_id=one.experiment_id, run_id=run_id, value=value)
                    )
        return found

    def owners(self, experiment_ids: Sequence[str]) -> Mapping[str, str]:
        """Whose each run and each logged model of some experiments is."""
        homes = frozenset(experiment_ids)
        with self._ledger.lock:
            found = {one.run_id: one.user_id for one in self._runs(experiment_ids)}
            for model in self._tracking.held.models.values():
                if model.base.experiment_id in homes:
                    maker = self._tracking.record(model.base.source_run_id)
                    if maker is not None:
                        found[model.base.model_id] = maker.base.user_id
        return found

    def _active(self, experiment_ids: Sequence[str]) -> Iterator[RunInfo]:
        return (one for one in self._runs(experiment_ids) if one.lifecycle_stage == "active")

    def _runs(self, experiment_ids: Sequence[str] | None) -> Iterator[RunInfo]:
        wanted = self._tracking.held.experiments if experiment_ids is None else experiment_ids
        return (run.base for run in self._tracking.records(list(wanted), ()))


def told(rows: Iterable[tuple[str, str, int, int]]) -> list[Activity]:
    """As `OverviewStore.activity` gives it, of how many runs each has in each experiment, and when
    the last was."""
    found: dict[str, list[tuple[int, str, int]]] = defaultdict(list)
    for home, user, runs, last_ms in rows:
        found[home].append((-runs, user, last_ms))
    return [
        Activity(
            experiment_id=home,
            owner=min(some)[1],
            owners=len(some),
            last_ms=max(last_ms for *_, last_ms in some),
        )
        for home, some in sorted(found.items(), key=lambda one: int(one[0]))
    ]


def in_order(counts: Iterator[RunCount]) -> list[RunCount]:
    """As `OverviewStore.run_counts` gives them."""
    return sorted(counts, key=lambda one: (int(one.experiment_id), one.lifecycle_stage, one.status))
