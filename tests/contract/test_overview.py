"""Figures about all runs: how many are in which state, and how many began on which day."""

from __future__ import annotations

from millrace.core.entities.run import RunChange
from millrace.stores.protocols import Stores
from tests.contract.build import add_experiment, add_run, deletion

HOUR_MS = 60 * 60 * 1_000
DAY_MS = 24 * HOUR_MS


def test_runs_are_counted_by_experiment_and_state(stores: Stores) -> None:
    store = stores.tracking
    first, second, empty = (add_experiment(store) for _ in range(3))
    runs = [add_run(store, first) for _ in range(3)]
    add_run(store, second)
    store.change_run(runs[0], RunChange(status="FAILED", end_time=2_000)).result()
    store.change_run(runs[1], deletion(5)).result()

    counts = stores.overview.run_counts(None)

    told = [(one.experiment_id, one.lifecycle_stage, one.status, one.runs) for one in counts]
    assert told == [
        (first, "active", "FAILED", 1),
        (first, "active", "RUNNING", 1),
        (first, "deleted", "RUNNING", 1),
        (second, "active", "RUNNING", 1),
    ]
    assert stores.overview.run_counts([second, empty]) == [counts[3]]
    assert stores.overview.run_counts([]) == []
    assert stores.overview.run_counts(["987654"]) == []


def test_days_begin_by_the_clock_of_who_asks(stores: Stores) -> None:
    store = stores.tracking
    for start_ms in (10 * DAY_MS - 1, 10 * DAY_MS, 11 * DAY_MS - HOUR_MS, 12 * DAY_MS):
        add_run(store, start_time=start_ms)
    gone = add_run(store, start_time=10 * DAY_MS)
    store.change_run(gone, deletion(5)).result()

    def days(since_ms: int, offset_ms: int = 0) -> dict[int, int]:
        return dict(stores.overview.run_days(since_ms, offset_ms=offset_ms))

    assert days(0) == {9: 1, 10: 2, 12: 1}
    assert days(0, HOUR_MS) == {10: 2, 11: 1, 12: 1}
    assert days(0, -HOUR_MS) == {9: 2, 10: 1, 11: 1}
    # The whole day of `since_ms`, as that clock has it.
    assert days(10 * DAY_MS + HOUR_MS) == {10: 2, 12: 1}
    assert days(11 * DAY_MS - HOUR_MS, HOUR_MS) == {11: 1, 12: 1}
