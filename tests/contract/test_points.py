"""Points of series: exact to the bit, each once, in a defined order."""

from __future__ import annotations

import itertools
import math
import random
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millrace.core.entities.metric import Metric
from millrace.stores.protocols import MetricWindow, TrackingStore
from tests.contract.build import (
    INT64_MAX,
    INT64_MIN,
    Exact,
    add_run,
    at_once,
    batch,
    bits,
    exact,
    history,
    latest,
    log,
    point,
)
from tests.contract.test_runs import DELETE
from tests.strategies.records import LARGEST, SMALLEST, doubles, points

NAN = math.nan

any_store = settings(
    max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
int64s = st.one_of(
    st.integers(INT64_MIN, INT64_MAX), st.sampled_from((INT64_MIN, -1, 0, 1, INT64_MAX))
)
times = st.one_of(st.integers(0, INT64_MAX), st.sampled_from((0, 1, INT64_MAX)))


def as_logged(*metrics: Metric) -> list[Exact]:
    return [(metric.step, metric.timestamp, bits(metric.value)) for metric in metrics]


def double(bits_of_it: str) -> float:
    value: float = struct.unpack(">d", bytes.fromhex(bits_of_it))[0]
    return value


OTHER_NAN = double("fff8000000000abc")


# Exactness


@pytest.mark.parametrize(
    "value",
    [
        *(0.1, 1 / 3, 1e22, 2**53 + 2.0, -1.5),
        *(0.0, -0.0, NAN, math.inf, -math.inf),
        *(SMALLEST, -SMALLEST, 2.2250738585072014e-308, LARGEST, -LARGEST),
    ],
    ids=repr,
)
def test_a_value_comes_back_to_the_bit(store: TrackingStore, value: float) -> None:
    """R20."""
    run = add_run(store)

    log(store, run, point(value, step=1, timestamp=2))

    assert history(store, run) == [(1, 2, bits(value))]
    assert latest(store, run) == (1, 2, bits(value))


@pytest.mark.parametrize("step", [INT64_MIN, INT64_MIN + 1, -1, 0, 2**53 + 1, INT64_MAX])
@pytest.mark.parametrize("timestamp", [0, 2**53 + 1, INT64_MAX])
def test_steps_and_times_have_64_bits(store: TrackingStore, step: int, timestamp: int) -> None:
    """R20."""
    run = add_run(store)

    log(store, run, point(1, step=step, timestamp=timestamp))

    assert history(store, run) == [(step, timestamp, bits(1))]
    assert latest(store, run) == (step, timestamp, bits(1))


@any_store
@given(metrics=st.lists(st.builds(point, doubles(), int64s, times), max_size=30))
def test_whatever_is_logged_is_in_the_history(store: TrackingStore, metrics: list[Metric]) -> None:
    run = add_run(store)

    log(store, run, *metrics)

    assert sorted(history(store, run)) == sorted(set(as_logged(*metrics)))


# Identity


def test_an_identical_point_is_there_once(store: TrackingStore) -> None:
    """Clients send again what they are not sure of; R6."""
    run, one = add_run(store), point(0.5, step=1, timestamp=2)

    first = store.append(run, batch(one, one)).result()
    second = store.append(run, batch(one)).result()

    assert (first.new_points, second.new_points) == (1, 0)
    assert history(store, run) == as_logged(one)


def test_a_nan_is_a_nan_whatever_its_payload(store: TrackingStore) -> None:
    run = add_run(store)

    appended = store.append(run, batch(point(NAN), point(OTHER_NAN), point(-NAN))).result()

    assert appended.new_points == 1
    assert history(store, run) == [(0, 0, "nan")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (point(1), point(2)),
        (point(0.0), point(-0.0)),
        (point(0.0), point(NAN)),
        (point(1), point(1, step=1)),
        (point(1), point(1, timestamp=1)),
        (point(0.1), point(0.1 + 2**-56)),
    ],
)
def test_whatever_differs_makes_another_point(
    store: TrackingStore, one: Metric, other: Metric
) -> None:
    run = add_run(store)

    appended = store.append(run, batch(one, other)).result()

    assert appended.new_points == 2
    assert sorted(history(store, run)) == sorted(as_logged(one, other))


def test_keys_and_runs_have_their_own_series(store: TrackingStore) -> None:
    run, other = add_run(store), add_run(store)

    log(store, run, point(1), point(2, key="M"), point(3, key="m "))
    log(store, other, point(1))

    assert [history(store, run, key) for key in ("m", "M", "m ")] == [
        as_logged(point(1)),
        as_logged(point(2)),
        as_logged(point(3)),
    ]
    assert history(store, other) == as_logged(point(1))


def test_an_old_point_sent_again_is_no_new_one(store: TrackingStore) -> None:
    """Also when the series has gone on for long since."""
    run = add_run(store)
    metrics = points("any order", 6_000, seed=1)
    log(store, run, *metrics)
    before = history(store, run)

    appended = store.append(run, batch(*random.Random(2).sample(metrics, 500))).result()

    assert appended.new_points == 0
    assert history(store, run) == before


# The latest point

POINTS_TO_CHOOSE_FROM = [
    point(1, step=5, timestamp=1),
    point(9, step=4, timestamp=9),
    point(1, step=5, timestamp=3),
    point(2, step=5, timestamp=3),
    point(NAN, step=5, timestamp=3),
    point(-math.inf, step=5, timestamp=3),
]


def test_the_latest_point_has_the_greatest_step_then_time_then_value(store: TrackingStore) -> None:
    """Whatever the order they came in."""
    orders = list(itertools.permutations(POINTS_TO_CHOOSE_FROM))
    for order in random.Random(7).sample(orders, 60):
        run = add_run(store)
        log(store, run, *order[:3])
        log(store, run, *order[3:])

        assert latest(store, run) == (5, 3, bits(2)), order


@pytest.mark.parametrize("value", [-math.inf, -1.0, -0.0, 0.0, SMALLEST, math.inf])
@pytest.mark.parametrize("nan_first", [False, True])
def test_nan_loses_against_every_number_of_its_moment(
    store: TrackingStore, value: float, nan_first: bool
) -> None:
    run = add_run(store)
    for one in (NAN, value) if nan_first else (value, NAN):
        log(store, run, point(one, step=1, timestamp=1))

    assert latest(store, run) == (1, 1, bits(value))


@pytest.mark.parametrize("later", [point(NAN, step=2), point(NAN, step=1, timestamp=1)])
def test_nan_wins_when_it_is_later(store: TrackingStore, later: Metric) -> None:
    run = add_run(store)

    log(store, run, point(5, step=1), later)

    assert latest(store, run) == (later.step, later.timestamp, "nan")


# Histories


def test_a_history_is_in_order_of_time_then_step_then_value(store: TrackingStore) -> None:
    run = add_run(store)
    ordered = [
        point(7, step=9, timestamp=1),
        point(-1, step=-3, timestamp=2),
        point(NAN, step=-3, timestamp=2),
        point(1, step=-3, timestamp=2),
        point(0, step=0, timestamp=2),
        point(-5, step=1, timestamp=3),
    ]

    log(store, run, *random.Random(0).sample(ordered, len(ordered)))

    assert history(store, run) == as_logged(*ordered)


@pytest.mark.parametrize("shape", ["regular", "gaps", "any order", "time goes back", "one step"])
def test_a_long_history_is_in_order(store: TrackingStore, shape) -> None:
    run = add_run(store)
    metrics = points(shape, 3_000, seed=3)

    for begin in range(0, len(metrics), 700):
        log(store, run, *metrics[begin : begin + 700])

    found = history(store, run)
    moments = [(at, step, -0.0 if value == "nan" else double(value)) for step, at, value in found]
    assert moments == sorted(moments)
    assert set(found) == set(as_logged(*metrics))
    assert len(found) == len(set(found))


def test_there_is_no_history_of_what_is_not_there(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, point(1))

    assert history(store, run, "other") == history(store, "0" * 32) == []


def test_a_deleted_run_keeps_its_history(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, point(1))
    store.change_run(run, DELETE).result()

    assert history(store, run) == as_logged(point(1))


def paged(store: TrackingStore, run_id: str, limit: int) -> list[Exact]:
    """The history page by page; every page is full but the last, which is not empty."""
    found: list[Exact] = []
    after = None
    while True:
        page, after = store.metric_history(run_id, "m", MetricWindow(limit=limit, after=after))
        found += exact(page)
        if after is None:
            return found
        assert len(page.steps) == limit


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 100])
def test_pages_of_a_history_are_the_history(store: TrackingStore, limit: int) -> None:
    """Also where points of one moment are split over pages, NaNs and both zeros among them."""
    run = add_run(store)
    values = (-1.0, -0.0, 0.0, NAN, 1.0, math.inf)
    moments = itertools.product(values, (-1, 0), (0, 5))
    log(store, run, *(point(value, step, timestamp) for value, step, timestamp in moments))

    assert paged(store, run, limit) == history(store, run)


@any_store
@given(
    metrics=st.lists(
        st.builds(
            point,
            st.sampled_from((-1.0, -0.0, 0.0, NAN, 1.0)),
            st.integers(-2, 2),
            st.integers(0, 2),
        ),
        min_size=1,
        max_size=40,
    ),
    limit=st.integers(1, 12),
)
def test_pages_of_any_history_are_the_history(
    store: TrackingStore, metrics: list[Metric], limit: int
) -> None:
    run = add_run(store)
    for metric in metrics:
        log(store, run, metric)

    assert paged(store, run, limit) == history(store, run)


def test_a_full_last_page_has_no_page_after_it(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, *(point(step, step) for step in range(6)))

    page, after = store.metric_history(run, "m", MetricWindow(limit=6))

    assert len(page.steps) == 6
    assert after is None


def test_points_logged_while_one_reads_neither_shift_nor_repeat_others(
    store: TrackingStore,
) -> None:
    run = add_run(store)
    log(store, run, *(point(step, step, timestamp=10 * step) for step in range(10)))
    first, after = store.metric_history(run, "m", MetricWindow(limit=5))

    log(store, run, point(-1, 3, timestamp=25), point(-2, 7, timestamp=65))
    rest, _ = store.metric_history(run, "m", MetricWindow(after=after))

    assert list(first.steps) == [0, 1, 2, 3, 4]
    assert list(rest.steps) == [5, 6, 7, 7, 8, 9]


def test_points_logged_at_once_are_all_there_once(store: TrackingStore) -> None:
    """R4: every thread sends its own points and some that the others send, too."""
    run = add_run(store)
    shared = [point(step, step) for step in range(50)]

    def send(number: int) -> int:
        own = [point(number, step=1_000 + number * 50 + place) for place in range(50)]
        return store.append(run, batch(*shared, *own)).result().new_points

    counts = at_once(send, range(16))

    assert sum(map(int, map(str, counts))) == 50 + 16 * 50
    assert len(history(store, run)) == 50 + 16 * 50
