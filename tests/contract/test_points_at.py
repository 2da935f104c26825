"""The points of series at one place of the x axis."""

from __future__ import annotations

import random
from typing import Any

import pytest

from millrace.core.numbers import key_of
from millrace.stores.protocols import SeriesWindow, TrackingStore
from tests.contract.build import INT64_MAX, add_run, log, point
from tests.contract.test_charts import AXES, START, logged
from tests.strategies.records import SHAPES, points


def at(
    store: TrackingStore, runs: list[str], place: float, x: str = "step", **more: Any
) -> list[tuple[str, float, tuple[int, int, int]]]:
    previous = more.pop("previous", False)
    window = SeriesWindow(x=x, **more)  # type: ignore[arg-type]  # an axis
    found = store.points_at(runs, ["m"], window, place, previous=previous)
    return [(run, where, tuple(one)) for run, _, where, one in found]


def test_the_nearest_point_is_found_and_the_later_of_two(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, *(point(step / 2, step, step) for step in (0, 10, 20)))

    def step(place: float) -> float:
        ((_, x, _),) = at(store, [run], place)
        return x

    assert [step(place) for place in (-5, 4.9, 5, 14, 21, INT64_MAX)] == [0, 0, 10, 10, 20, 20]


def test_previous_is_never_beyond(store: TrackingStore) -> None:
    run, other = add_run(store), add_run(store)
    log(store, run, point(1, 0), point(2, 10))
    log(store, other, point(3, 9))

    assert at(store, [run, other], 8, previous=True) == [(run, 0, (0, 0, key_of(1.0)))]


def test_of_several_at_one_place_the_latest_counts(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, point(1, 3, 5), point(2, 3, 7), point(9, 3, 6))

    assert at(store, [run], 3) == [(run, 3, (3, 7, key_of(2.0)))]


def test_x_may_be_a_metric(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, *(point(step * 10, step, key="epoch") for step in range(4)))
    log(store, run, *(point(step, step) for step in range(6)))

    assert at(store, [run], 19, "metric", x_metric="epoch") == [(run, 20, (2, 0, key_of(2.0)))]


@pytest.mark.parametrize("x", sorted(AXES))
@pytest.mark.parametrize("shape", SHAPES)
def test_any_place_of_a_long_series(store: TrackingStore, shape: Any, x: str) -> None:
    """As if every point were looked at."""
    draw, metrics = random.Random(5), points(shape, 9_000, seed=11)
    run, x_of = logged(store, metrics, at_a_time=3_000), AXES[x]
    held = sorted({(x_of(one), (one.step, one.timestamp, key_of(one.value))) for one in metrics})
    low, high = held[0][0], held[-1][0]
    places = [low - 1, high + 1, *(draw.uniform(low, high) for _ in range(20))]
    places += [draw.choice(held)[0] for _ in range(10)]

    for place in places:
        for previous in (False, True):
            fitting = [one for one in held if not previous or one[0] <= place]
            best = max(fitting, key=lambda one: (-abs(one[0] - place), one), default=None)
            expected = [] if best is None else [(run, *best)]
            assert at(store, [run], place, x, previous=previous) == expected, (place, previous)


def test_the_mark_follows_the_series(store: TrackingStore) -> None:
    run = add_run(store, start_time=START)
    log(store, run, point(1, 0), point(1, 0, key="n"))

    first = store.series_mark([run], ["m"])
    log(store, run, point(2, 1, key="n"))
    other = store.series_mark([run], ["m"])
    log(store, run, point(2, 1))

    assert first == other
    assert store.series_mark([run], ["m"]) != first
