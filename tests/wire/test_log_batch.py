"""log-batch: all of it or nothing, its limits, and what may stand twice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, done, refused
from tests.wire.marks import differs

NOTHING: tuple[object, ...] = ({}, {}, {})


def metrics(count: int) -> list[dict[str, object]]:
    return build.points(*range(count))


def values(count: int) -> list[dict[str, object]]:
    return build.items({f"k{number}": str(number) for number in range(count)})


def held(api: Api, run: str) -> tuple[object, ...]:
    """Latest metrics, params and tags of a run."""
    return build.latest(api, run), build.params(api, run), build.tags(api, run)


def refuse(api: Api, run: str, *naming: str, **parts: object) -> None:
    """The batch is refused whole, naming *naming*."""
    before = held(api, run)
    refused(api.post("runs/log-batch", {"run_id": run, **parts}), INVALID, *naming)
    assert held(api, run) == before


def test_metrics_params_and_tags_together(api: Api, run: str) -> None:
    build.log(
        api,
        run,
        metrics=[build.point("loss", 0.5, 10, 1), build.point("acc", "NaN", 11, 2)],
        params=build.items({"lr": "0.1", "empty": ""}),
        tags=build.items({"team": "vision"}),
    )

    latest, params, tags = held(api, run)
    assert params == {"lr": "0.1", "empty": ""}
    assert tags == {"team": "vision"}
    assert isinstance(latest, dict)
    assert latest["loss"] == build.point("loss", 0.5, 10, 1)
    assert latest["acc"] == build.point("acc", "NaN", 11, 2)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"metrics": [], "params": [], "tags": []},
        pytest.param({"metrics": None}, marks=differs("MLflow answers 500 to null")),
    ],
)
def test_an_empty_batch_is_fine(api: Api, run: str, parts: dict[str, object]) -> None:
    build.log(api, run, **parts)

    assert held(api, run) == NOTHING


def test_a_batch_may_be_sent_again(api: Api, run: str) -> None:
    for _ in range(3):
        build.log(api, run, metrics=metrics(3), params=values(3), tags=values(3))

    assert len(build.history(api, run)) == 3
    assert len(build.params(api, run)) == 3


def test_step_is_zero_when_absent(api: Api, run: str) -> None:
    build.log(api, run, metrics=[{"key": "m", "value": 1, "timestamp": 5}])

    assert build.history(api, run) == [build.point("m", 1, 5, 0)]


# Limits


@pytest.mark.parametrize(
    "counts", [(1000, 0, 0), (0, 100, 0), (0, 0, 100), (800, 100, 100), (1, 0, 0), (0, 1, 0)]
)
def test_full_batches_are_accepted(api: Api, run: str, counts: tuple[int, int, int]) -> None:
    build.log(
        api, run, metrics=metrics(counts[0]), params=values(counts[1]), tags=values(counts[2])
    )

    found = len(build.history(api, run)), len(build.params(api, run)), len(build.tags(api, run))
    assert found == counts


@pytest.mark.parametrize(
    ("counts", "limit"),
    [
        ((1001, 0, 0), "1000"),
        ((0, 101, 0), "100"),
        ((0, 0, 101), "100"),
        ((801, 100, 100), "1000"),
        ((1000, 1, 0), "1000"),
        ((1000, 0, 1), "1000"),
        ((901, 100, 0), "1000"),
    ],
)
def test_one_too_many_refuses_the_batch(
    api: Api, run: str, counts: tuple[int, int, int], limit: str
) -> None:
    parts = {"metrics": metrics(counts[0]), "params": values(counts[1]), "tags": values(counts[2])}

    refuse(api, run, limit, **parts)


# Nothing is applied when one part is bad


GOOD: dict[str, Any] = {
    "metrics": [build.point("ok", 1)],
    "params": build.items({"ok": "1"}),
    "tags": build.items({"ok": "1"}),
}

BAD = [
    ("metrics", {"key": "a//b", "value": 1, "timestamp": 0}, "a//b"),
    ("metrics", {"key": "k" * 251, "value": 1, "timestamp": 0}, "250"),
    ("metrics", {"value": 1, "timestamp": 0}, "key"),
    ("metrics", {"key": "", "value": 1, "timestamp": 0}, "key"),
    ("metrics", {"key": "m", "timestamp": 0}, "value"),
    ("metrics", {"key": "m", "value": None, "timestamp": 0}, "value"),
    ("metrics", {"key": "m", "value": 1}, "timestamp"),
    ("metrics", {"key": "m", "value": 1, "timestamp": -1}, "timestamp"),
    ("params", {"key": "a//b", "value": "1"}, "a//b"),
    ("params", {"key": "k" * 251, "value": "1"}, "250"),
    ("params", {"value": "1"}, "key"),
    ("tags", {"key": "a//b", "value": "1"}, "a//b"),
    ("tags", {"key": "k" * 251, "value": "1"}, "250"),
    ("tags", {"value": "1"}, "key"),
]


@pytest.mark.parametrize("first", [True, False], ids=["first", "last"])
@pytest.mark.parametrize(("part", "entry", "named"), BAD, ids=lambda value: str(value)[:30])
def test_one_bad_entry_refuses_the_batch(
    api: Api, run: str, part: str, entry: dict[str, object], named: str, first: bool
) -> None:
    good = GOOD[part]
    parts = GOOD | {part: [entry, *good] if first else [*good, entry]}

    refuse(api, run, named, **parts)


@differs("no entry is dropped in silence, and none takes the rest with it")
@pytest.mark.parametrize(
    ("part", "entry", "named"),
    [
        ("metrics", {"key": "m", "value": "x", "timestamp": 0}, "value"),
        ("metrics", {"key": "m", "value": True, "timestamp": 0}, "value"),
        ("metrics", {"key": "m", "value": 1, "timestamp": 1.5}, "timestamp"),
        ("metrics", {"key": "m", "value": 1, "timestamp": 2**63}, "timestamp"),
        ("metrics", {"key": "m", "value": 1, "timestamp": 0, "step": "x"}, "step"),
        ("metrics", {"key": 5, "value": 1, "timestamp": 0}, "key"),
        ("metrics", "text", "metrics"),
        ("metrics", None, "metrics"),
        ("metrics", [], "metrics"),
        ("params", {"key": "p", "value": 5}, "value"),
        ("params", {"key": "p", "value": ["x"]}, "value"),
        ("params", 5, "params"),
        ("tags", {"key": "t", "value": True}, "value"),
        ("tags", {"key": 5, "value": "x"}, "key"),
        ("tags", "text", "tags"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_an_unreadable_entry_refuses_the_batch(
    api: Api, run: str, part: str, entry: object, named: str
) -> None:
    refuse(api, run, named, **GOOD | {part: [entry, *GOOD[part]]})


@differs("the place of the bad entry is told")
def test_the_message_says_which_entry(api: Api, run: str) -> None:
    bad = {"key": "m", "value": "x", "timestamp": 0}

    refuse(api, run, "metrics", "7", metrics=[*metrics(7), bad])


def test_one_conflicting_param_refuses_the_batch(api: Api, run: str) -> None:
    build.log(api, run, params=build.items({"lr": "0.1", "depth": "3", "same": "1"}))
    clash = build.items({"lr": "0.2", "depth": "4", "same": "1", "new": "5"})

    refuse(api, run, "lr", "depth", params=clash, metrics=metrics(2), tags=values(2))


def test_a_param_twice_in_a_batch(api: Api, run: str) -> None:
    """Even equal values: the contract has it so, and clients never send it."""
    twice = [{"key": "p", "value": "1"}, {"key": "p", "value": "1"}]

    refuse(api, run, "p", params=twice, tags=values(1))


def test_the_last_of_equal_tags_wins(api: Api, run: str) -> None:
    build.log(api, run, tags=[{"key": "t", "value": "1"}, {"key": "t", "value": "2"}])

    assert build.tags(api, run) == {"t": "2"}


def test_equal_points_in_a_batch_are_one(api: Api, run: str) -> None:
    build.log(api, run, metrics=[*metrics(2), *metrics(2), build.point("m", 0, 0, 1)])

    assert len(build.history(api, run)) == 3


@pytest.mark.parametrize("count", [2, 100])
def test_many_keys_at_once(api: Api, run: str, count: int) -> None:
    build.log(api, run, metrics=[build.point(f"m{n}", n, 0, n) for n in range(count)])

    latest = build.latest(api, run)

    assert {key: point["value"] for key, point in latest.items()} == {
        f"m{n}": n for n in range(count)
    }


def test_value_may_be_absent_for_params_and_tags(api: Api, run: str) -> None:
    build.log(api, run, params=[{"key": "p", "value": ""}], tags=[{"key": "t"}])

    assert held(api, run) == ({}, {"p": ""}, {"t": ""})


def test_a_megabyte_of_values_is_accepted(api: Api, run: str) -> None:
    """100 params and 100 tags of the longest values are one legal batch."""
    params = build.items({f"k{number}": "p" * 6000 for number in range(100)})
    tags = build.items({f"k{number}": "t" * 8000 for number in range(100)})
    done(api.post("runs/log-batch", {"run_id": run, "params": params, "tags": tags}))

    assert {len(value) for value in build.params(api, run).values()} == {6000}
    assert {len(value) for value in build.tags(api, run).values()} == {8000}
