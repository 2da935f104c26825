"""Aggregates of whole series, by key."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings

from millrace.core.entities.metric import Metric, MetricSummary
from millrace.stores.protocols import TrackingStore
from tests.contract.build import add_run, bits, log, point
from tests.strategies.records import series

NAN, INF = math.nan, math.inf

any_store = settings(
    max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


def summary(store: TrackingStore, run_id: str) -> MetricSummary:
    (found,) = store.metric_summaries(run_id)
    return found


def test_a_summary(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, point(3, 1, 10), point(-1, 2, 20), point(4, 3, 30), point(2, 4, 40))

    assert store.metric_summaries(run) == [
        MetricSummary(
            key="m",
            count=4,
            last=2,
            last_step=4,
            last_timestamp=40,
            minimum=-1,
            maximum=4,
            mean=2,
            min_step=2,
            max_step=3,
        )
    ]


def test_summaries_are_by_key(store: TrackingStore) -> None:
    run, keys = add_run(store), ["b", "a", "B", "ä"]
    log(store, run, *(point(1, key=key) for key in keys))

    assert [found.key for found in store.metric_summaries(run)] == sorted(keys)


def test_there_are_none_of_a_run_without_points(store: TrackingStore) -> None:
    assert store.metric_summaries(add_run(store)) == store.metric_summaries("0" * 32) == []


def test_nan_counts_and_may_be_last_but_aggregates_to_nothing(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, point(NAN, 0), point(2, 1), point(4, 2), point(NAN, 3, 7))

    found = summary(store, run)

    assert (found.count, bits(found.last), found.last_step, found.last_timestamp) == (
        4,
        "nan",
        3,
        7,
    )
    assert (found.minimum, found.maximum, found.mean) == (2, 4, 3)
    assert (found.min_step, found.max_step) == (1, 2)


def test_with_nothing_but_nans_there_are_no_extremes(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, point(NAN, 0), point(NAN, 1))

    found = summary(store, run)

    assert (found.count, found.last_step) == (2, 1)
    extremes = (found.minimum, found.maximum, found.mean, found.min_step, found.max_step)
    assert extremes == (None,) * 5


def test_infinities_are_extremes(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, point(INF, 5), point(1, 6), point(-INF, 7))

    found = summary(store, run)

    assert (found.minimum, found.min_step, found.maximum, found.max_step) == (-INF, 7, INF, 5)


def test_of_equal_extremes_the_earliest_step_is_named(store: TrackingStore) -> None:
    """Whatever the order of logging."""
    run = add_run(store)
    log(store, run, point(1, 5), point(2, 6))
    log(store, run, point(1, 3), point(2, 9), point(1, 4), point(2, 2))

    found = summary(store, run)

    assert (found.min_step, found.max_step) == (3, 2)


def test_a_duplicate_is_not_counted(store: TrackingStore) -> None:
    run = add_run(store)
    for _ in range(3):
        log(store, run, point(1, 1), point(4, 2))

    found = summary(store, run)

    assert (found.count, found.mean) == (2, 2.5)


@pytest.mark.parametrize("in_batches_of", [1, 7, 100])
def test_many_points_are_summed_up_however_they_come(
    store: TrackingStore, in_batches_of: int
) -> None:
    run = add_run(store)
    metrics = [point(float((step * 37) % 101), step) for step in range(200)]

    for begin in range(0, len(metrics), in_batches_of):
        log(store, run, *metrics[begin : begin + in_batches_of])

    found = summary(store, run)
    values = [metric.value for metric in metrics]
    assert found.count == 200
    assert (found.minimum, found.min_step) == (0, values.index(0))
    assert (found.maximum, found.max_step) == (100, values.index(100))
    assert found.mean == sum(values) / 200


@any_store
@given(metrics=series(max_size=300))
def test_any_series_is_summed_up_like_its_points(
    store: TrackingStore, metrics: list[Metric]
) -> None:
    run = add_run(store)
    log(store, run, *metrics)

    found = summary(store, run)

    distinct = {(m.step, m.timestamp, bits(m.value)): m for m in metrics}.values()
    numbers = [m for m in distinct if not math.isnan(m.value)]
    assert found.count == len(distinct)
    assert found.last_step == max(m.step for m in metrics)
    if not numbers:
        assert found.mean is None
        return
    low, high = min(m.value for m in numbers), max(m.value for m in numbers)
    assert (found.minimum, found.maximum) == (low, high)
    if low != 0:
        assert found.min_step == min(m.step for m in numbers if m.value == low)
    if high != 0:
        assert found.max_step == min(m.step for m in numbers if m.value == high)
    if math.isinf(low) and math.isinf(high):
        assert found.mean == (low if low == high else None)
    elif math.isinf(low) or math.isinf(high):
        assert found.mean == low + high
    else:
        assert found.mean is not None
        right = float(sum(Fraction(m.value) for m in numbers) / len(numbers))
        assert abs(found.mean - right) <= 1e-9 * max(abs(low), abs(high))
