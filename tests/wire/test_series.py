"""Series for charts: what the window may be; the drawing itself is tested where it is done."""

from __future__ import annotations

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, ok, refused
from tests.wire.marks import differs

pytestmark = differs("an endpoint of ours")

PATH = "/api/3.0/millrace/series/query"


def query(run: str, **asked: object) -> dict[str, object]:
    return {"run_ids": [run], "keys": ["m"], **asked}


def test_a_short_series_comes_point_by_point(api: Api, run: str) -> None:
    build.log(api, run, metrics=build.points(1, 2, 3))

    (series,) = ok(api.post(PATH, query(run)))["series"]

    assert (series["run_id"], series["key"], series["is_raw"]) == (run, "m", True)
    assert (series["x"], series["last"]) == ([1, 2, 3], [1, 2, 3])


def test_a_long_series_comes_in_buckets(api: Api, run: str) -> None:
    build.log(api, run, metrics=build.points(*range(1000)))

    (series,) = ok(api.post(PATH, query(run, buckets=10)))["series"]

    assert not series.get("is_raw")
    assert sum(series["count"]) == 1000
    assert (min(series["minimum"]), max(series["maximum"])) == (0, 999)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"start": "NaN"}, "start"),
        ({"end": "NaN"}, "end"),
        ({"start": "x"}, "start"),
        ({"buckets": 0}, "buckets"),
        ({"buckets": 10_001}, "buckets"),
        ({"x": "epoch"}, "x"),
        ({"run_ids": []}, "run_ids"),
        ({"run_ids": ["r"] * 501}, "run_ids"),
        ({"keys": []}, "keys"),
        ({"keys": ["k"] * 101}, "keys"),
        ({"format": "xml"}, "format"),
    ],
)
def test_bad_windows_are_refused(api: Api, run: str, asked: dict[str, object], named: str) -> None:
    refused(api.post(PATH, query(run, **asked)), INVALID, named)


@pytest.mark.parametrize("bound", ["Infinity", "-Infinity", 1e308, -1e308, 2**63, 0])
def test_any_number_bounds_a_window(api: Api, run: str, bound: object) -> None:
    build.log(api, run, metrics=build.points(1, 2, 3))

    for end in ("start", "end"):
        ok(api.post(PATH, query(run, **{end: bound})))


def test_only_the_aggregates_that_are_asked_for_come(api: Api, run: str) -> None:
    build.log(api, run, metrics=build.points(*range(999)))

    (series,) = ok(api.post(PATH, query(run, buckets=10, aggregates=["last", "count"])))["series"]

    assert series.keys() == {"run_id", "key", "is_raw", "bucket", "last", "count"}


def test_what_is_known_is_not_sent_again(api: Api, run: str) -> None:
    build.log(api, run, metrics=build.points(1, 2, 3))
    first = api.post(PATH, query(run))
    tag = first.headers["etag"]

    again = api.post(PATH, query(run), **{"If-None-Match": tag})
    other = api.post(PATH, query(run, buckets=7), **{"If-None-Match": tag})
    build.log(api, run, metrics=build.points(4))
    later = api.post(PATH, query(run), **{"If-None-Match": tag})

    assert (again.status, again.body) == (304, b"")
    assert (other.status, later.status) == (200, 200)
    assert later.headers["etag"] != tag


# --- at one place ------------------------------------------------------------------------------

AT = "/api/3.0/millrace/series/at"


def test_the_points_at_one_place(api: Api, run: str) -> None:
    build.log(api, run, metrics=build.points(1, 5))

    near = ok(api.post(AT, {"run_ids": [run], "keys": ["m", "none"], "at": 4}))["points"]
    before = ok(api.post(AT, query(run, at=4, match="previous")))["points"]

    assert near == [{"run_id": run, "key": "m", "x": 5, "value": 5, "step": 5, "timestamp": 5}]
    assert [one["x"] for one in before] == [1]


@pytest.mark.parametrize(
    ("asked", "named"),
    [({"at": "NaN"}, "at"), ({"at": 1, "x": "metric"}, "x_metric"), ({}, "at")],
)
def test_places_that_are_none_are_refused(
    api: Api, run: str, asked: dict[str, object], named: str
) -> None:
    refused(api.post(AT, query(run, **asked)), INVALID, named)
