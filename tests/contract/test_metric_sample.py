"""Samples of a series: evenly chosen, first and last included."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from millrace.core.entities.metric import Metric
from millrace.stores.protocols import TrackingStore
from tests.contract.build import (
    INT64_MAX,
    INT64_MIN,
    Exact,
    add_run,
    bits,
    exact,
    log,
    point,
)
from tests.strategies.records import SHAPES, points, series

any_store = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


def sample(
    store: TrackingStore,
    run_id: str,
    limit: int,
    start: int | None = None,
    end: int | None = None,
) -> list[Exact]:
    return exact(store.metric_sample(run_id, "m", start=start, end=end, limit=limit))


def ranked(metrics: list[Metric], start: int | None, end: int | None) -> list[Exact]:
    """The points of a range in the order (step, timestamp, value), where a NaN comes first."""
    low = -math.inf if start is None else start
    high = math.inf if end is None else end
    inside = {
        (metric.step, metric.timestamp, bits(metric.value)): (
            metric.step,
            metric.timestamp,
            -math.inf if math.isnan(metric.value) else metric.value,
            not math.isnan(metric.value),
            math.copysign(1.0, metric.value),
        )
        for metric in metrics
        if low <= metric.step <= high
    }
    return sorted(inside, key=lambda found: inside[found])


def evenly(ordered: list[Exact], limit: int) -> list[Exact]:
    """Deal the points into *limit* shares like the wire contract does, one point at a time."""
    if len(ordered) <= limit:
        return ordered
    sizes = [0] * limit
    for number in range(len(ordered)):
        sizes[number % limit] += 1
    firsts = [ordered[sum(sizes[:share])] for share in range(limit)]
    return [*firsts[:-1], ordered[-1]]


@pytest.mark.parametrize(
    ("limit", "start", "end", "steps"),
    [
        (10, None, None, [0, 60, 120, 180, 240, 300, 360, 420, 480, 599]),
        (10, 100, 199, [100, 110, 120, 130, 140, 150, 160, 170, 180, 199]),
        (4, 595, None, [595, 597, 598, 599]),
        (1, None, None, [599]),
        (1, 3, 7, [7]),
        (3, None, 2, [0, 1, 2]),
        (3, -50, 0, [0]),
        (3, 599, 10**12, [599]),
        (3, 600, None, []),
        (3, None, -1, []),
    ],
)
def test_600_steps(
    store: TrackingStore, limit: int, start: int | None, end: int | None, steps: list[int]
) -> None:
    """Observed on servers of the wire contract; and some ranges beside."""
    run = add_run(store)
    log(store, run, *(point(step / 2, step) for step in range(600)))

    found = sample(store, run, limit, start, end)

    assert found == [(step, 0, bits(step / 2)) for step in steps]


@any_store
@given(data=st.data(), metrics=series(), limit=st.integers(1, 3_000))
def test_any_sample_is_evenly_chosen(
    store: TrackingStore, data: st.DataObject, metrics: list[Metric], limit: int
) -> None:
    run = add_run(store)
    for begin in range(0, len(metrics), 2_000):
        log(store, run, *metrics[begin : begin + 2_000])
    steps = [metric.step for metric in metrics]
    bounds = st.one_of(st.none(), st.integers(min(steps) - 1, max(steps) + 1))
    start, end = data.draw(bounds), data.draw(bounds)

    found = sample(store, run, limit, start, end)

    assert found == evenly(ranked(metrics, start, end), limit)


@any_store
@example(steps=[INT64_MIN, INT64_MAX], limit=1)
@given(
    steps=st.lists(
        st.one_of(st.integers(-5, 5), st.sampled_from((INT64_MIN, INT64_MAX))), min_size=1
    ),
    limit=st.integers(1, 5),
)
def test_small_samples_in_any_order_of_logging(
    store: TrackingStore, steps: list[int], limit: int
) -> None:
    run = add_run(store)
    metrics = [point(place % 3, step, timestamp=place % 2) for place, step in enumerate(steps)]
    for metric in metrics:
        log(store, run, metric)

    assert sample(store, run, limit) == evenly(ranked(metrics, None, None), limit)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_long_series_is_sampled_like_a_short_one(store: TrackingStore, shape) -> None:
    run = add_run(store)
    metrics = points(shape, 30_000, seed=5)
    for begin in range(0, len(metrics), 5_000):
        log(store, run, *metrics[begin : begin + 5_000])
    low, high = min(m.step for m in metrics), max(m.step for m in metrics)
    third = (high - low) // 3

    for start, end in ((None, None), (low + third, None), (low + third, high - third)):
        ordered = ranked(metrics, start, end)
        for limit in (1, 2, 320, 2_500):
            assert sample(store, run, limit, start, end) == evenly(ordered, limit)


def test_there_is_no_sample_of_what_is_not_there(store: TrackingStore) -> None:
    run = add_run(store)

    assert sample(store, run, 5) == sample(store, "0" * 32, 5) == []
