"""Figures about all runs: how many are in which state, and how many began on which day."""

from __future__ import annotations

from math import inf, nan

from millrace.core.entities.overview import BestAsked
from millrace.core.entities.run import RunChange
from millrace.stores.protocols import Stores
from tests.contract.build import add_experiment, add_model, add_run, deletion, log, point

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
    other = add_experiment(store)
    for start_ms in (10 * DAY_MS - 1, 10 * DAY_MS, 11 * DAY_MS - HOUR_MS):
        add_run(store, start_time=start_ms)
    add_run(store, other, start_time=12 * DAY_MS)
    gone = add_run(store, start_time=10 * DAY_MS)
    store.change_run(gone, deletion(5)).result()

    def days(since_ms: int, offset_ms: int = 0) -> dict[int, int]:
        return dict(stores.overview.run_days(None, since_ms, offset_ms=offset_ms))

    assert days(0) == {9: 1, 10: 2, 12: 1}
    assert days(0, HOUR_MS) == {10: 2, 11: 1, 12: 1}
    assert days(0, -HOUR_MS) == {9: 2, 10: 1, 11: 1}
    # The whole day of `since_ms`, as that clock has it.
    assert days(10 * DAY_MS + HOUR_MS) == {10: 2, 12: 1}
    assert days(11 * DAY_MS - HOUR_MS, HOUR_MS) == {11: 1, 12: 1}
    for homes, told in (([other], {12: 1}), (["0"], {9: 1, 10: 2}), ([], {}), (["987654"], {})):
        assert dict(stores.overview.run_days(homes, 0, offset_ms=0)) == told


def test_activity_is_told_of_the_runs_outside_the_trash(stores: Stores) -> None:
    store = stores.tracking
    first, second, empty = (add_experiment(store) for _ in range(3))
    for user, start_ms in [("eve", 10), ("bob", 20), ("bob", 30), ("eve", 5)]:
        add_run(store, first, user_id=user, start_time=start_ms)
    long = add_run(store, first, user_id="ada", start_time=1)
    store.change_run(long, RunChange(status="FINISHED", end_time=70)).result()
    gone = add_run(store, first, user_id="ada", start_time=90)
    store.change_run(gone, deletion(5)).result()
    add_run(store, second, user_id="", start_time=7)

    told = stores.overview.activity([second, first, empty, "987654"])

    assert [(one.experiment_id, one.owner, one.owners, one.last_ms) for one in told] == [
        (first, "bob", 3, 70),
        (second, "", 1, 7),
    ]
    assert stores.overview.activity([]) == []


def test_the_best_run_is_the_one_with_the_best_point(stores: Stores) -> None:
    store = stores.tracking
    first, second, other = (add_experiment(store) for _ in range(3))
    values = {"low": [3.0, -2.5, 9.0], "high": [nan, 11.0], "none": [nan], "end": [inf]}
    runs = {}
    for name, points in values.items():
        runs[name] = add_run(store, first)
        log(store, runs[name], *(point(value, step) for step, value in enumerate(points)))
    log(store, runs["none"], point(-100.0, key="else"))
    gone = add_run(store, first)
    log(store, gone, point(-50.0))
    store.change_run(gone, deletion(5)).result()
    late, _ = add_run(store, second, start_time=2_000), add_run(store, second)
    for run in (late, _):
        log(store, run, point(1.0))
    log(store, add_run(store, other), point(nan))

    def best(*asked: tuple[str, str, bool]) -> list[tuple[str, str, float]]:
        found = stores.overview.best_runs(
            [BestAsked(experiment_id=home, key=key, is_maximized=most) for home, key, most in asked]
        )
        return [(one.experiment_id, one.run_id, one.value) for one in found]

    assert best((second, "m", True), (first, "m", False), (other, "m", False)) == [
        (second, late, 1.0),
        (first, runs["low"], -2.5),
    ]
    assert best((first, "m", True)) == [(first, runs["end"], inf)]
    assert best((second, "m", False), (first, "else", True)) == [
        (second, late, 1.0),
        (first, runs["none"], -100.0),
    ]
    assert best((first, "nothing", False), ("987654", "m", False)) == best() == []


def test_runs_and_the_models_that_they_made_are_whose_the_run_is(stores: Stores) -> None:
    store = stores.tracking
    first, second = add_experiment(store), add_experiment(store)
    run = add_run(store, first, user_id="bob")
    gone = add_run(store, first, user_id="eve")
    store.change_run(gone, deletion(5)).result()
    away = add_run(store, second, user_id="ada")
    made, elsewhere = (add_model(store, first, source_run_id=one) for one in (run, away))
    add_model(store, first)

    owners = stores.overview.owners([first])

    assert dict(owners) == {run: "bob", gone: "eve", made: "bob", elsewhere: "ada"}
    assert dict(stores.overview.owners([first, second])) == {**owners, away: "ada"}
    assert stores.overview.owners([]) == {}
