"""Histories of many runs at once: in full, and sampled to a number of points each."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, ok, refused
from tests.wire.marks import differs

BULK = "/ajax-api/2.0/mlflow/metrics/get-history-bulk"
INTERVAL = "metrics/get-history-bulk-interval"


def sample(points: list[dict[str, Any]], size: int) -> list[dict[str, Any]]:
    """Reference: *points* in order fall into *size* equal buckets, the first of which get the rest;
    each gives its first point, and the very last point takes the place of the last of these.
    """
    if len(points) <= size:
        return points
    small, extra = divmod(len(points), size)
    starts = [bucket * small + min(bucket, extra) for bucket in range(size)]
    return [points[start] for start in starts[:-1]] + [points[-1]]


def interval(api: Api, runs: list[str], **asked: object) -> list[dict[str, Any]]:
    query = {"run_ids": runs, "metric_key": "m", **asked}
    return list(ok(api.get(INTERVAL, query)).get("metrics", []))


def order(point: dict[str, Any]) -> tuple[int, int, float]:
    return point["step"], point["timestamp"], point["value"]


def add_series(api: Api, run: str, points: list[dict[str, object]]) -> None:
    for start in range(0, len(points), 1000):
        build.log(api, run, metrics=points[start : start + 1000])


@pytest.fixture(scope="module")
def series(api: Api) -> str:
    """A run with steps 0 to 599."""
    run = build.add_run(api)
    add_series(api, run, build.points(*range(600)))
    return run


# Sampled


@pytest.mark.parametrize(
    ("asked", "steps"),
    [
        ({"max_results": 10}, [*range(0, 540, 60), 599]),
        ({"max_results": 10, "start_step": 100, "end_step": 199}, [*range(100, 190, 10), 199]),
        ({"max_results": 1}, [599]),
        ({"max_results": 2}, [0, 599]),
        ({"max_results": 599}, [0, *range(2, 599), 599]),
        ({"max_results": 600}, list(range(600))),
        ({"start_step": 5, "end_step": 5}, [5]),
        ({"start_step": -10, "end_step": 3}, [0, 1, 2, 3]),
        ({"start_step": 1000, "end_step": 2000}, []),
        ({}, list(range(600))),
    ],
)
def test_sampling_examples(api: Api, series: str, asked: dict[str, int], steps: list[int]) -> None:
    assert [point["step"] for point in interval(api, [series], **asked)] == steps


def test_sampling_agrees_with_a_reference_on_random_windows(api: Api, experiment: str) -> None:
    chance = random.Random(11)
    run = build.add_run(api, experiment)
    points = [
        build.point("m", chance.randint(0, 9), chance.randint(0, 50), chance.randint(-40, 400))
        for _ in range(900)
    ]
    add_series(api, run, points)
    unique = sorted({tuple(p.items()): p for p in points}.values(), key=order)

    for _ in range(40):
        start = chance.randint(-60, 380)
        end = start + chance.randint(0, 420)
        size = chance.choice([1, 2, 3, 7, 50, 100, 333, 2500])
        inside = [point for point in unique if start <= point["step"] <= end]
        expected = [point | {"run_id": run} for point in sample(inside, size)]

        found = interval(api, [run], start_step=start, end_step=end, max_results=size)

        assert found == expected, (start, end, size)


def test_each_run_is_sampled_for_itself_in_the_order_asked(api: Api, experiment: str) -> None:
    lengths = {build.add_run(api, experiment): length for length in (30, 7, 100)}
    for run, length in lengths.items():
        add_series(api, run, build.points(*range(length)))
    runs = sorted(lengths, reverse=True)

    found = interval(api, runs, max_results=10)

    expected = [
        point | {"run_id": run}
        for run in runs
        for point in sample(build.points(*range(lengths[run])), 10)
    ]
    assert found == expected


def test_points_of_one_step_are_ordered_by_time_and_value(api: Api, run: str) -> None:
    points = [build.point("m", v, t, 1) for v in (3, 1, 2) for t in (5, 4)]
    add_series(api, run, points)

    assert [order(point) for point in interval(api, [run])] == sorted(map(order, points))


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"run_ids": []}, "run_ids"),
        ({"run_ids": ["r"] * 101}, "100"),
        ({"metric_key": ""}, "metric_key"),
        ({"start_step": 1}, "step"),
        ({"end_step": 1}, "step"),
        ({"start_step": 5, "end_step": 4}, "start_step"),
        ({"max_results": 0}, "max_results"),
        ({"max_results": -1}, "max_results"),
        ({"max_results": 2501}, "2500"),
        ({"max_results": "x"}, "max_results"),
        ({"start_step": "x", "end_step": 4}, "start_step"),
    ],
)
def test_bad_windows_are_refused(api: Api, asked: dict[str, object], named: str) -> None:
    query = {"run_ids": ["f" * 32], "metric_key": "m", **asked}

    refused(api.get(INTERVAL, query), INVALID, named)


@pytest.mark.parametrize("size", [1, 2500])
def test_limits_of_sampling(api: Api, series: str, size: int) -> None:
    assert len(interval(api, [series], max_results=size)) == min(size, 600)


def test_a_hundred_runs_at_once(api: Api, series: str) -> None:
    runs = [f"{n:032x}" for n in range(99)]

    assert len(interval(api, [*runs, series], max_results=5)) == 5


def test_unknown_runs_and_keys_are_empty(api: Api, series: str) -> None:
    assert interval(api, ["f" * 32]) == []
    assert interval(api, [series], metric_key="none") == []


def test_interval_is_served_for_the_web_too(api: Api, series: str) -> None:
    query = {"run_ids": series, "metric_key": "m", "max_results": 3}

    assert ok(api.get(f"/ajax-api/2.0/mlflow/{INTERVAL}", query)) == ok(api.get(INTERVAL, query))


# In full


def bulk(api: Api, runs: list[str], **asked: object) -> list[dict[str, Any]]:
    query = {"run_id": runs, "metric_key": "m", **asked}
    return list(ok(api.get(BULK, query))["metrics"])


def test_bulk_is_ordered_by_run_then_time(api: Api, experiment: str) -> None:
    runs = [build.add_run(api, experiment) for _ in range(3)]
    points = [build.point("m", v, t, s) for v in (2, 1) for t in (4, 3) for s in (1, 0)]
    for run in runs:
        add_series(api, run, points)

    found = bulk(api, runs[::-1])

    ordered = sorted(points, key=lambda p: (p["timestamp"], p["step"], p["value"]))  # type: ignore[arg-type, return-value]
    assert found == [point | {"run_id": run} for run in sorted(runs) for point in ordered]


@pytest.mark.parametrize(
    ("size", "count"), [(1, 1), (599, 599), (601, 601), (5000, 1200), (2**31, 1200)]
)
def test_bulk_limit_counts_all_runs(api: Api, series: str, size: int, count: int) -> None:
    other = build.add_run(api)
    add_series(api, other, build.points(*range(600)))

    assert len(bulk(api, [series, other], max_results=size)) == count


def test_bulk_without_points_is_an_empty_list(api: Api, run: str) -> None:
    assert ok(api.get(BULK, {"run_id": run, "metric_key": "m"})) == {"metrics": []}


@pytest.mark.parametrize(
    "query",
    [
        {"metric_key": "m"},
        {"run_id": "f" * 32},
        {"run_id": ["r"] * 101, "metric_key": "m"},
        pytest.param(
            {"run_id": "f" * 32, "metric_key": "m", "max_results": "x"},
            marks=differs("MLflow answers 500"),
        ),
        pytest.param(
            {"run_id": "f" * 32, "metric_key": "m", "max_results": "0"},
            marks=differs("a limit is positive everywhere"),
        ),
        pytest.param(
            {"run_id": "f" * 32, "metric_key": "m", "max_results": "-5"},
            marks=differs("a limit is positive everywhere"),
        ),
    ],
    ids=str,
)
def test_bad_bulk_queries_are_refused(api: Api, query: dict[str, object]) -> None:
    refused(api.get(BULK, query))
