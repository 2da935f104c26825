"""Series for charts: many runs and keys on one grid, and no extreme lost."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millrace.core.entities.metric import Metric
from millrace.stores.protocols import Buckets, RawSeries, SeriesAnswer, TrackingStore
from tests.contract.build import (
    INT64_MAX,
    INT64_MIN,
    add_run,
    bits,
    chart,
    drawn,
    log,
    point,
    rows,
)
from tests.contract.test_runs import DELETE
from tests.strategies.records import SHAPES, points, series

NAN, INF = math.nan, math.inf
START = 10**12 - 5_000

any_store = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


# What a chart must be, said as plainly as possible


class Placed(NamedTuple):
    """A point on the axis; `age` sorts points of a series."""

    x: float
    age: tuple[int, int, float, bool, float]
    value: float


def placed(metrics: list[Metric], x_of: Callable[[Metric], float | None]) -> list[Placed]:
    """Distinct points with their x, oldest first."""
    found = {}
    for metric in metrics:
        is_number = not math.isnan(metric.value)
        value = metric.value if is_number else -INF
        age = (metric.step, metric.timestamp, value, is_number, math.copysign(1.0, metric.value))
        x = x_of(metric)
        if x is not None:
            found[(*age[:4], bits(metric.value))] = Placed(x, age, metric.value)
    return sorted(found.values(), key=lambda one: one.age)


def by_step(metric: Metric) -> int:
    return metric.step


def by_time(metric: Metric) -> int:
    return metric.timestamp


def by_relative_time(metric: Metric) -> int:
    return metric.timestamp - START


AXES: dict[str, Callable[[Metric], float]] = {
    "step": by_step,
    "time": by_time,
    "relative": by_relative_time,
}


def aligned(low: float, high: float, buckets: int) -> tuple[int, int, int]:
    """Origin, width and number of buckets of the grid over the integers from *low* to *high*."""
    first, last, width = math.ceil(low), math.floor(high), 1
    while width * buckets < last - first + 1:
        width *= 2
    origin = first - first % width
    count = 0
    while origin + count * width <= last:
        count += 1
    return origin, width, count


def expected_buckets(inside: list[Placed], index_of: Callable[[float], int]) -> list[tuple]:
    """Rows (index, minimum, maximum, first, last, count) with the bits of the values, and means."""
    made = []
    gathered: dict[int, list[Placed]] = {}
    for one in inside:
        gathered.setdefault(index_of(one.x), []).append(one)
    for index, here in sorted(gathered.items()):
        finite = sorted(
            (one.value for one in here if math.isfinite(one.value)),
            key=lambda value: (value, math.copysign(1.0, value)),
        )
        low, high = (finite[0], finite[-1]) if finite else (NAN, NAN)
        values = (low, high, here[0].value, here[-1].value)
        made.append((index, *map(bits, values), len(here), finite))
    return made


def assert_buckets(found: Buckets | RawSeries, expected: list[tuple]) -> None:
    assert isinstance(found, Buckets)
    assert [
        (index, bits(low), bits(high), bits(first), bits(last), count)
        for index, low, high, first, last, _, count in rows(found)
    ] == [row[:-1] for row in expected]
    for mean, (*_, finite) in zip(found.mean, expected, strict=True):
        if not finite:
            assert math.isnan(mean)
            continue
        right = math.fsum(finite) / len(finite)
        assert abs(mean - right) <= 1e-9 * max(map(abs, finite))


def assert_points(found: Buckets | RawSeries, inside: list[Placed]) -> None:
    assert isinstance(found, RawSeries)
    assert [(x, bits(value)) for x, value in rows(found)] == [
        (one.x, bits(one.value)) for one in sorted(inside, key=lambda one: (one.x, one.age))
    ]


def assert_chart(
    answer: SeriesAnswer,
    asked: dict[tuple[str, str], list[Placed]],
    buckets: int,
    start: float | None = None,
    end: float | None = None,
) -> None:
    """*answer* is the chart of the *asked* series on an axis of integers."""
    everywhere = [one.x for found in asked.values() for one in found]
    low = min(everywhere) if start is None else start
    high = max(everywhere) if end is None else end
    inside = {name: [one for one in found if low <= one.x <= high] for name, found in asked.items()}
    inside = {name: found for name, found in inside.items() if found}
    found = drawn(answer)
    assert found.keys() == inside.keys()
    if not inside:
        assert answer.count == 0
        return
    origin, width, count = aligned(low, high, buckets)
    assert (answer.origin, answer.width, answer.count) == (origin, width, count)
    if all(len(one) <= buckets for one in inside.values()):
        for name, expected in inside.items():
            assert_points(found[name], expected)
    else:
        for name, expected in inside.items():
            rows_of = expected_buckets(expected, lambda x: int((x - origin) // width))
            assert_buckets(found[name], rows_of)


def logged(store: TrackingStore, metrics: list[Metric], at_a_time: int = 2_000) -> str:
    run = add_run(store, start_time=START)
    for begin in range(0, len(metrics), at_a_time):
        log(store, run, *metrics[begin : begin + at_a_time])
    return run


# The grid


@pytest.mark.parametrize(
    ("steps", "buckets", "grid"),
    [
        ((0, 1023), 16, (0, 64, 16)),
        ((0, 1000), 16, (0, 64, 16)),
        ((0, 1024), 16, (0, 128, 9)),
        ((10, 1009), 500, (10, 2, 500)),
        ((11, 1010), 500, (10, 2, 501)),
        ((-3, 12), 4, (-4, 4, 5)),
        ((7, 7), 500, (7, 1, 1)),
        ((-1, 0), 1, (-2, 2, 2)),
    ],
)
def test_edges_are_multiples_of_a_power_of_two(
    store: TrackingStore, steps: tuple[int, int], buckets: int, grid: tuple[int, int, int]
) -> None:
    """So that charts of neighbouring windows share them, and half of a bucket is one, too."""
    run = add_run(store)
    log(store, run, *(point(1, step) for step in steps))

    answer = chart(store, [run], buckets=buckets)

    assert (answer.origin, answer.width, answer.count) == grid


def test_an_extreme_is_in_its_bucket(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, *(point(9.0 if step == 437 else 1.0, step) for step in range(1_000)))

    answer = chart(store, [run], buckets=10)

    found = drawn(answer)[run, "m"]
    assert isinstance(found, Buckets)
    assert (answer.width, answer.count) == (128, 8)
    assert list(found.maximum) == [1, 1, 1, 9, 1, 1, 1, 1]
    assert list(found.minimum) == [1] * 8
    assert list(found.count) == [128] * 7 + [104]


def test_bucket_columns(store: TrackingStore) -> None:
    """NaNs and infinities are counted and may be first or last, but they are no extremes."""
    run = add_run(store)
    values = [NAN, 1.0, 4.0, INF, 2.0, -0.0, 0.0, NAN, NAN, INF, -INF, 5.0]
    log(store, run, *(point(value, step) for step, value in enumerate(values)))

    found = drawn(chart(store, [run], buckets=3))[run, "m"]

    finite = [[1.0, 4.0], [2.0, -0.0, 0.0], [5.0]]
    assert_buckets(
        found,
        [
            (0, bits(1), bits(4), "nan", bits(INF), 4, finite[0]),
            (1, bits(-0.0), bits(2), bits(2), "nan", 4, finite[1]),
            (2, bits(5), bits(5), "nan", bits(5), 4, finite[2]),
        ],
    )


def test_a_bucket_without_a_finite_value(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, *(point(INF if step < 2 else NAN, step) for step in range(4)))

    found = drawn(chart(store, [run], buckets=2))[run, "m"]

    assert_buckets(
        found,
        [(0, "nan", "nan", bits(INF), bits(INF), 2, []), (1, "nan", "nan", "nan", "nan", 2, [])],
    )


def test_first_and_last_are_by_step_and_time_whatever_x_is(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, point(1, 0, 30), point(2, 1, 20), point(3, 2, 10))

    found = drawn(chart(store, [run], x="time", buckets=1))[run, "m"]

    assert isinstance(found, Buckets)
    assert (found.first, found.last, found.count) == ([1], [3], [3])


# Points instead of buckets


def test_few_points_are_given_themselves(store: TrackingStore) -> None:
    run, other = add_run(store), add_run(store)
    log(store, run, point(1, 5), point(NAN, -1), point(-0.0, 3))
    log(store, other, point(INF, 2))

    found = drawn(chart(store, [run, other], buckets=3))

    assert [(x, bits(value)) for x, value in rows(found[run, "m"])] == [
        (-1, "nan"),
        (3, bits(-0.0)),
        (5, bits(1)),
    ]
    assert rows(found[other, "m"]) == [(2, INF)]


def test_when_one_series_has_too_many_points_all_get_buckets(store: TrackingStore) -> None:
    run, other = add_run(store), add_run(store)
    log(store, run, *(point(step, step) for step in range(4)))
    log(store, other, point(7, 2))

    found = drawn(chart(store, [run, other], buckets=3))

    assert {type(series) for series in found.values()} == {Buckets}
    assert rows(found[other, "m"]) == [(1, 7, 7, 7, 7, 7, 1)]


def test_only_points_in_the_window_are_counted(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, *(point(step, step) for step in range(100)))

    answer = chart(store, [run], start=10, end=14, buckets=5)

    assert rows(drawn(answer)[run, "m"]) == [(step, step) for step in range(10, 15)]
    assert (answer.origin, answer.width, answer.count) == (10, 1, 5)


# Windows


def test_points_outside_are_left_out_also_where_their_bucket_is_in(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, *(point(step, step) for step in range(1_000)))

    answer = chart(store, [run], start=130, end=520, buckets=10)

    found = drawn(answer)[run, "m"]
    assert isinstance(found, Buckets)
    assert (answer.origin, answer.width, answer.count) == (128, 64, 7)
    assert list(found.first) == [130, 192, 256, 320, 384, 448, 512]
    assert list(found.last) == [191, 255, 319, 383, 447, 511, 520]


def test_bounds_may_be_fractions(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, *(point(step, step) for step in range(10)))

    answer = chart(store, [run], start=2.5, end=5.999, buckets=10)

    assert rows(drawn(answer)[run, "m"]) == [(3, 3), (4, 4), (5, 5)]
    assert (answer.origin, answer.count) == (3, 3)


@pytest.mark.parametrize("window", [{"start": 11}, {"end": -1}, {"start": 3.2, "end": 3.8}])
def test_a_window_without_points_has_no_series(store: TrackingStore, window: dict) -> None:
    run = add_run(store)
    log(store, run, *(point(step, step) for step in range(11)))

    answer = chart(store, [run], **window)

    assert (list(answer.series), answer.count) == ([], 0)


@pytest.mark.parametrize("x", ["step", "time", "relative", "metric"])
def test_a_series_without_points_in_the_window_is_left_out(store: TrackingStore, x: str) -> None:
    run, other = add_run(store, start_time=0), add_run(store, start_time=0)
    log(store, run, point(1, 1, 1), point(1, 1, 1, key="x"))
    log(store, other, point(2, 9, 9), point(9, 9, 9, key="x"))

    answer = chart(store, [run, other], x=x, x_metric="x", end=5)

    assert drawn(answer).keys() == {(run, "m")}


# Which series


def test_runs_and_keys_without_points_are_left_out(store: TrackingStore) -> None:
    run, other = add_run(store), add_run(store)
    log(store, run, point(1), point(2, key="n"))

    answer = chart(store, [run, "0" * 32, other], ["n", "absent", "m"])

    assert drawn(answer).keys() == {(run, "m"), (run, "n")}


def test_nothing_asked_is_nothing_drawn(store: TrackingStore) -> None:
    answer = chart(store, [], ["m"])

    assert (list(answer.series), answer.count) == ([], 0)


def test_what_is_asked_twice_is_drawn_once(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, point(1))

    answer = chart(store, [run, run], ["m", "m"])

    assert [(run_id, key) for run_id, key, _ in answer.series] == [(run, "m")]


def test_a_deleted_run_is_drawn(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, point(1, 7))
    store.change_run(run, DELETE).result()

    assert rows(drawn(chart(store, [run]))[run, "m"]) == [(7, 1)]


# Axes


def test_all_series_share_one_grid(store: TrackingStore) -> None:
    run, other = add_run(store), add_run(store)
    log(store, run, *(point(step, step) for step in range(40)))
    log(store, other, *(point(step, step, key="n") for step in range(100, 180)))

    answer = chart(store, [run, other], ["m", "n"], buckets=10)

    found = drawn(answer)
    assert (answer.origin, answer.width, answer.count) == (0, 32, 6)
    assert [row[0] for row in rows(found[run, "m"])] == [0, 1]
    assert [row[0] for row in rows(found[other, "n"])] == [3, 4, 5]


def test_relative_time_begins_with_each_run(store: TrackingStore) -> None:
    run, other = add_run(store, start_time=1_000), add_run(store, start_time=50_000)
    log(store, run, point(1, 0, 1_000), point(2, 1, 1_500))
    log(store, other, point(3, 0, 49_990), point(4, 1, 50_500))

    answer = chart(store, [run, other], x="relative", buckets=100)

    found = drawn(answer)
    assert rows(found[run, "m"]) == [(0, 1), (500, 2)]
    assert rows(found[other, "m"]) == [(-10, 3), (500, 4)]
    assert (answer.origin, answer.width) == (-16, 8)


def test_x_can_be_another_metric(store: TrackingStore) -> None:
    """At the same step, and there the last value; where it has none, a point has no place."""
    run, other = add_run(store), add_run(store)
    epochs = [(0.5, 1, 10), (0.25, 1, 5), (1.0, 2, 0), (NAN, 3, 0), (INF, 4, 0), (2.5, 6, 0)]
    log(store, run, *(point(*epoch, key="epoch") for epoch in epochs))
    log(store, run, *(point(step * 10, step) for step in range(8)))
    log(store, other, point(1, 1))

    answer = chart(store, [run, other], ["m"], x="metric", x_metric="epoch", buckets=4)

    assert {name: rows(one) for name, one in drawn(answer).items()} == {
        (run, "m"): [(0.5, 10), (1.0, 20), (2.5, 60)]
    }
    assert (answer.origin, answer.width, answer.count) == (0.5, 0.5, 4)


def test_buckets_over_another_metric(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, *(point(step / 10, step, key="epoch") for step in range(11)))
    log(store, run, *(point(step, step, timestamp=time) for step in range(11) for time in (0, 1)))

    answer = chart(store, [run], x="metric", x_metric="epoch", buckets=2)

    found = drawn(answer)[run, "m"]
    assert isinstance(found, Buckets)
    assert (answer.origin, answer.width, answer.count) == (0, 0.5, 2)
    assert (found.index, found.count) == ([0, 1], [10, 12])
    assert (found.first, found.last) == ([0, 5], [4, 10])


def test_over_a_metric_that_stands_still_there_is_one_bucket(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, *(point(0.3, step, key="lr") for step in range(5)))
    log(store, run, *(point(step, step) for step in range(5)))

    answer = chart(store, [run], x="metric", x_metric="lr", buckets=3)

    assert (answer.origin, answer.width, answer.count) == (0.3, 1, 1)
    assert rows(drawn(answer)[run, "m"]) == [(0, 0, 4, 0, 4, 2, 5)]


def test_over_a_metric_from_end_to_end_of_the_doubles(store: TrackingStore) -> None:
    run, largest = add_run(store), 1.7976931348623157e308
    for step, x in enumerate((-largest, 0.0, largest)):
        log(store, run, point(x, step, key="x"), point(step, step))

    answer = chart(store, [run], x="metric", x_metric="x", buckets=2)

    found = drawn(answer)[run, "m"]
    assert isinstance(found, Buckets)
    assert (answer.count, found.index, found.count) == (2, [0, 1], [1, 2])


# Far and long


def test_steps_at_the_ends_of_64_bits(store: TrackingStore) -> None:
    run = add_run(store)
    log(store, run, point(1, INT64_MIN), point(2, 0), point(3, INT64_MAX))

    answer = chart(store, [run], buckets=2)

    found = drawn(answer)[run, "m"]
    assert (answer.origin, answer.width, answer.count) == (INT64_MIN, 2**63, 2)
    assert [(row[0], row[-1]) for row in rows(found)] == [(0, 1), (1, 2)]


@pytest.mark.parametrize("bound", [1e30, -1e30, INF, -INF])
def test_bounds_beyond_all_points(store: TrackingStore, bound: float) -> None:
    run = add_run(store)
    log(store, run, point(1, INT64_MIN), point(2, 5), point(3, INT64_MAX))

    ends_there = chart(store, [run], end=bound)
    begins_there = chart(store, [run], start=bound)

    inside = {"above": ([1, 2, 3], []), "below": ([], [1, 2, 3])}["above" if bound > 0 else "below"]
    if math.isinf(bound):  # an infinite bound is none
        inside = ([1, 2, 3], [1, 2, 3])
    for answer, values in zip((ends_there, begins_there), inside, strict=True):
        found = [row[1] for _, _, one in answer.series for row in rows(one)]
        assert found == values


@any_store
@given(
    data=st.data(),
    metrics=series(),
    x=st.sampled_from(sorted(AXES)),
    buckets=st.integers(1, 600),
)
def test_any_chart_is_as_if_drawn_by_hand(
    store: TrackingStore, data: st.DataObject, metrics: list[Metric], x: str, buckets: int
) -> None:
    run, x_of = logged(store, metrics), AXES[x]
    places = sorted(map(x_of, metrics))
    bounds = st.one_of(st.none(), st.integers(int(places[0]) - 5, int(places[-1]) + 5))
    start, end = data.draw(bounds), data.draw(bounds)

    answer = chart(store, [run], x=x, start=start, end=end, buckets=buckets)

    assert_chart(answer, {(run, "m"): placed(metrics, x_of)}, buckets, start, end)


@pytest.mark.parametrize("x", sorted(AXES))
@pytest.mark.parametrize("shape", SHAPES)
def test_a_long_series_is_drawn_like_a_short_one(store: TrackingStore, shape, x: str) -> None:
    """Whatever a store does to be quick, at every zoom level."""
    metrics, short = points(shape, 10_000, seed=11), points("gaps", 300, seed=12)
    runs = [logged(store, metrics, at_a_time=3_000), logged(store, short)]
    asked = {
        (run, "m"): placed(one, AXES[x]) for run, one in zip(runs, (metrics, short), strict=True)
    }
    low, high = min(asked[runs[0], "m"])[0], max(asked[runs[0], "m"])[0]
    middle = int((low + high) // 2)

    for reach in (int(high - low), int(high - low) // 7, 5_000, 40):
        start, end = middle - reach // 2, middle + reach // 2
        for buckets in (30, 500):
            answer = chart(store, runs, x=x, start=start, end=end, buckets=buckets)
            assert_chart(answer, asked, buckets, start, end)
    assert_chart(chart(store, runs, x=x, buckets=333), asked, 333)


@pytest.mark.parametrize("shape", ["regular", "any order", "one step"])
def test_a_chart_follows_a_growing_series(store: TrackingStore, shape) -> None:
    """After every batch, also where points come late."""
    run, metrics = add_run(store, start_time=START), points(shape, 12_000, seed=13)

    for end in range(1_500, len(metrics) + 1, 1_500):
        log(store, run, *metrics[end - 1_500 : end])

        assert_chart(chart(store, [run]), {(run, "m"): placed(metrics[:end], by_step)}, 500)


@pytest.mark.parametrize("x", ["time", "relative"])
def test_over_times_of_a_very_long_series_no_extreme_is_lost(store: TrackingStore, x: str) -> None:
    """A point may count in the bucket beside its own, by less than its width."""
    count, run = 40_000, add_run(store, start_time=START)
    spikes = {12_345: 50.0, 12_346: -50.0, 39_999: 60.0}
    metrics = [
        point(spikes.get(step, step % 7), step, START + step * 1_000 + step % 900)
        for step in range(count)
    ]
    for begin in range(0, count, 8_000):
        log(store, run, *metrics[begin : begin + 8_000])

    answer = chart(store, [run], x=x, buckets=200)

    found = drawn(answer)[run, "m"]
    assert isinstance(found, Buckets)
    assert sum(found.count) == count
    offset = START if x == "relative" else 0
    for step, value in spikes.items():
        own = (metrics[step].timestamp - offset - answer.origin) // answer.width
        held = [
            index
            for index, low, high in zip(found.index, found.minimum, found.maximum, strict=True)
            if value in {low, high}
        ]
        assert held
        assert abs(held[0] - own) <= 1
