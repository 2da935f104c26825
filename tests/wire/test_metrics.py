"""Metrics: what a point is, which one is the latest, and the order of history."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from tests.wire import build
from tests.wire.client import Api, number
from tests.wire.expect import INVALID, done, ok, refused
from tests.wire.marks import differs

NAN = "NaN"


def log(api: Api, run: str, *points: tuple[object, int, int], key: str = "m") -> None:
    """Log (value, timestamp, step) points one by one, in this order."""
    for value, timestamp, step in points:
        done(
            api.post("runs/log-metric", {"run_id": run, **build.point(key, value, timestamp, step)})
        )


def history(api: Api, run: str) -> list[tuple[object, int, int]]:
    return [(p["value"], p["timestamp"], p["step"]) for p in build.history(api, run)]


# What a point is


def test_a_point_has_four_fields(api: Api, run: str) -> None:
    log(api, run, (0.5, 7, 3))

    assert build.history(api, run) == [build.point("m", 0.5, 7, 3)]
    assert build.latest(api, run) == {"m": build.point("m", 0.5, 7, 3)}


def test_an_equal_point_is_not_added_again(api: Api, run: str) -> None:
    log(api, run, (1, 1, 1), (1, 1, 1), (NAN, 1, 1), (NAN, 1, 1))

    assert len(build.history(api, run)) == 2


@pytest.mark.parametrize("other", [(2, 1, 1), (1, 2, 1), (1, 1, 2), (NAN, 1, 1), (0, 1, 1)])
def test_any_difference_makes_another_point(
    api: Api, run: str, other: tuple[object, int, int]
) -> None:
    log(api, run, (1, 1, 1), other)

    assert len(build.history(api, run)) == 2


def test_zero_and_nan_are_two_points(api: Api, run: str) -> None:
    log(api, run, (0, 1, 1), (NAN, 1, 1))

    assert sorted(str(value) for value, *_ in history(api, run)) in (["0", NAN], ["0.0", NAN])


def test_keys_are_apart(api: Api, run: str) -> None:
    log(api, run, (1, 1, 1), key="a")
    log(api, run, (2, 1, 1), key="A")
    log(api, run, (3, 1, 1), key="a/b")

    assert {k: p["value"] for k, p in build.latest(api, run).items()} == {"a": 1, "A": 2, "a/b": 3}


# The latest point of a key


LATEST = [
    ("greatest step", [(1, 9, 1), (2, 1, 2)], (2, 1, 2)),
    ("negative steps", [(1, 1, -5), (2, 1, -3)], (2, 1, -3)),
    ("then greatest timestamp", [(9, 1, 1), (2, 5, 1)], (2, 5, 1)),
    ("then greatest value", [(3, 1, 1), (5, 1, 1), (4, 1, 1)], (5, 1, 1)),
    ("negative values", [(-3, 1, 1), (-5, 1, 1)], (-3, 1, 1)),
    ("number before NaN", [(5, 1, 1), (NAN, 1, 1)], (5, 1, 1)),
    ("a later step may be NaN", [(5, 1, 1), (NAN, 1, 2)], (NAN, 1, 2)),
    ("a later time may be NaN", [(5, 1, 1), (NAN, 2, 1)], (NAN, 2, 1)),
    ("a number after NaN", [(NAN, 2, 1), (5, 3, 1)], (5, 3, 1)),
]  # fmt: skip


@pytest.mark.parametrize("batch", [False, True], ids=["one by one", "batch"])
@pytest.mark.parametrize(("rule", "points", "latest"), LATEST, ids=[row[0] for row in LATEST])
def test_latest_in_every_order_of_arrival(
    api: Api,
    experiment: str,
    rule: str,
    points: list[tuple[object, int, int]],
    latest: tuple[object, int, int],
    batch: bool,
) -> None:
    for order in itertools.permutations(points):
        run = build.add_run(api, experiment)
        if batch:
            build.log(api, run, metrics=[build.point("m", *one) for one in order])
        else:
            log(api, run, *order)

        assert build.latest(api, run)["m"] == build.point("m", *latest), (rule, order)


@differs("a number replaces NaN at the same step and time, whatever its sign")
@pytest.mark.parametrize("value", [-5, 0, 5])
def test_nan_loses_against_every_number(api: Api, experiment: str, value: float) -> None:
    for order in itertools.permutations([(value, 1, 1), (NAN, 1, 1)]):
        run = build.add_run(api, experiment)
        log(api, run, *order)

        assert build.latest(api, run)["m"]["value"] == value


def test_latest_agrees_with_a_reference_on_random_points(api: Api, run: str) -> None:
    chance = random.Random(7)
    points = [
        build.point("m", chance.randint(-3, 3), chance.randint(0, 4), chance.randint(-2, 4))
        for _ in range(60)
    ]
    for start in range(0, len(points), 7):
        build.log(api, run, metrics=points[start : start + 7])

    best = max(points, key=lambda p: (p["step"], p["timestamp"], p["value"]))

    assert build.latest(api, run)["m"] == best


# History


def test_history_is_ordered_by_time_step_value(api: Api, run: str) -> None:
    points = [
        (value, timestamp, step)
        for value in (2, -1, 0.5)
        for timestamp in (3, 1)
        for step in (-1, 5, 2)
    ]
    random.Random(3).shuffle(points)
    log(api, run, *points)

    assert history(api, run) == sorted(points, key=lambda p: (p[1], p[2], p[0]))


def test_nan_stands_as_zero_in_history(api: Api, run: str) -> None:
    log(api, run, (1, 1, 1), (NAN, 1, 1), (-1, 1, 1))

    assert [value for value, *_ in history(api, run)] == [-1, NAN, 1]


@pytest.mark.parametrize("asked", [{"metric_key": "none"}, {"run_id": "f" * 32}])
def test_nothing_known_is_an_empty_answer(api: Api, run: str, asked: dict[str, str]) -> None:
    log(api, run, (1, 1, 1))

    assert ok(api.get("metrics/get-history", {"run_id": run, "metric_key": "m", **asked})) == {}


@pytest.mark.parametrize("size", [1, 3, 10, 11, 50])
def test_history_in_pages(api: Api, run: str, size: int) -> None:
    build.log(api, run, metrics=build.points(*range(10)))
    asked: dict[str, object] = {"run_id": run, "metric_key": "m", "max_results": size}
    pages = [ok(api.get("metrics/get-history", asked))]
    while token := pages[-1].get("next_page_token"):
        pages.append(ok(api.get("metrics/get-history", asked | {"page_token": token})))

    assert [p["step"] for page in pages for p in page.get("metrics", [])] == list(range(10))
    assert all(len(page["metrics"]) == size for page in pages[:-1])
    assert len(pages) == math.ceil(10 / size)


@differs("pages go on from a place, not from a count")
def test_no_point_is_skipped_or_told_twice_while_points_are_added(api: Api, run: str) -> None:
    build.log(api, run, metrics=build.points(*range(10, 50, 2)))
    asked: dict[str, object] = {"run_id": run, "metric_key": "m", "max_results": 3}
    seen: list[int] = []
    token: str | None = ""
    while token is not None:
        page = ok(api.get("metrics/get-history", asked | ({"page_token": token} if token else {})))
        seen += [point["step"] for point in page["metrics"]]
        token = page.get("next_page_token")
        assert len(seen) < 100, "the walk does not end"
        build.log(api, run, metrics=build.points(seen[0] - 1, seen[-1] - 1, seen[-1] + 1))

    assert seen == sorted(set(seen))
    assert set(range(10, 50, 2)) <= set(seen)


def test_without_a_limit_all_points_come(api: Api, run: str) -> None:
    for start in range(0, 2500, 500):
        build.log(api, run, metrics=build.points(*range(start, start + 500)))

    reply = ok(api.get("metrics/get-history", {"run_id": run, "metric_key": "m"}))

    assert [p["step"] for p in reply["metrics"]] == list(range(2500))
    assert "next_page_token" not in reply


@pytest.mark.parametrize("size", [0, -1, -(2**31)])
def test_history_limit_must_be_positive(api: Api, run: str, size: int) -> None:
    asked = {"run_id": run, "metric_key": "m", "max_results": size}

    refused(api.get("metrics/get-history", asked), INVALID, "max_results")


@pytest.mark.parametrize("size", [25_000, 2**31 - 1])
def test_history_limit_has_no_top(api: Api, run: str, size: int) -> None:
    log(api, run, (1, 1, 1))

    assert len(build.history(api, run, max_results=size)) == 1


@differs("a limit that is no whole number is refused")
@pytest.mark.parametrize("size", ["x", "1.5", "", 2**63, "true", " 5"])
def test_history_limit_must_be_a_number(api: Api, run: str, size: object) -> None:
    asked = {"run_id": run, "metric_key": "m", "max_results": size}

    refused(api.get("metrics/get-history", asked), INVALID, "max_results")


def test_big_values_keep_their_digits(api: Api, run: str) -> None:
    value, moment = 0.1 + 0.2, 2**53 + 1
    log(api, run, (value, moment, -(2**62)))

    assert history(api, run) == [(value, moment, -(2**62))]
    assert number(build.latest(api, run)["m"]["value"]) == value


# Data set and model of a point


@pytest.mark.parametrize("given", [{"dataset_name": "d"}, {"dataset_digest": "1"}])
def test_dataset_name_and_digest_come_together(api: Api, run: str, given: dict[str, str]) -> None:
    message = {"run_id": run, **build.point("m", 1), **given}

    refused(api.post("runs/log-metric", message), INVALID, "dataset_name", "dataset_digest")

    assert build.history(api, run) == []


def test_dataset_of_a_metric_is_not_shown_in_the_run(api: Api, run: str) -> None:
    given = {"dataset_name": "d", "dataset_digest": "1"}
    done(api.post("runs/log-metric", {"run_id": run, **build.point("m", 1), **given}))

    assert build.latest(api, run) == {"m": build.point("m", 1)}
    assert build.history(api, run) == [build.point("m", 1)]


@differs("an unknown model is not found, and no SQL is shown")
@pytest.mark.parametrize("path", ["runs/log-metric", "runs/log-batch"])
def test_metric_of_an_unknown_model(api: Api, run: str, path: str) -> None:
    metric = build.point("m", 1) | {"model_id": "m-" + "f" * 32}
    message = {"metrics": [metric]} if path == "runs/log-batch" else metric

    refused(api.post(path, {"run_id": run, **message}), "RESOURCE_DOES_NOT_EXIST", "m-" + "f" * 32)

    assert build.history(api, run) == []
