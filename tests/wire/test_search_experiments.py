"""Experiment search by POST and GET: filters, views, order and pages."""

from __future__ import annotations

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, done, ok, refused
from tests.wire.marks import differs

PATH = "experiments/search"


@pytest.fixture(scope="module")
def shelf(api: Api) -> str:
    """Common start of experiments whose names end in `a` (oldest) to `d`; `d` is deleted."""
    start = build.unique("shelf")
    tags = {
        "a": {"team": "vision"},
        "b": {"team": "Vision", "odd key": "1"},
        "c": {},
        "d": {"team": "x"},
    }
    for end, held in tags.items():
        made = build.add_experiment(api, name=start + end, tags=build.items(held))
        if end == "d":
            done(api.post("experiments/delete", {"experiment_id": made}))
    return start


def search(api: Api, shelf: str, filter: str = "", **asked: object) -> str:  # noqa: A002
    """Last letters of the names found on the shelf, in order."""
    parts = [f"name LIKE '{shelf}%'", *([filter] if filter else [])]
    message = {"max_results": 100, "filter": " AND ".join(parts), **asked}
    found = ok(api.post(PATH, message)).get("experiments", [])
    return "".join(item["name"].removeprefix(shelf) for item in found)


def ids(api: Api, shelf: str) -> dict[str, str]:
    message = {"max_results": 10, "filter": f"name LIKE '{shelf}%'"}
    found = ok(api.post(PATH, message))["experiments"]
    return {item["name"].removeprefix(shelf): item["experiment_id"] for item in found}


@pytest.mark.parametrize(
    ("filter", "ends"),
    [
        ("", "cba"),
        ("name ILIKE '%A'", "a"),
        ("attribute.name LIKE '%a'", "a"),
        ("attribute.name LIKE '%_'", "cba"),
        ("name LIKE '%A'", ""),
        ("creation_time > 0", "cba"),
        ("creation_time < 5", ""),
        ("last_update_time >= 5", "cba"),
        ("attribute.creation_time != 5", "cba"),
        ("tags.team = 'vision'", "a"),
        ("tag.team = 'vision'", "a"),
        ("tags.team != 'vision'", "b"),
        ("tags.team ILIKE 'VIS%'", "ba"),
        ("tags.team LIKE 'vis%'", "a"),
        ("tags.`odd key` = '1'", "b"),
        ("tags.team IS NULL", "c"),
        ("tags.team IS NOT NULL", "ba"),
        ("tags.team = 'vision' AND creation_time > 0", "a"),
    ],
)
def test_filters(api: Api, shelf: str, filter: str, ends: str) -> None:  # noqa: A002
    assert search(api, shelf, filter) == ends


def test_equal_and_unequal_names(api: Api, shelf: str) -> None:
    assert search(api, shelf, f"name = '{shelf}b'") == "b"
    assert search(api, shelf, f"name != '{shelf}b'") == "ca"


def test_by_id(api: Api, shelf: str) -> None:
    known = ids(api, shelf)

    assert search(api, shelf, f"experiment_id = '{known['a']}'") == "a"
    assert search(api, shelf, f"experiment_id != '{known['a']}'") == "cb"
    assert search(api, shelf, f"experiment_id IN ('{known['a']}', '{known['c']}')") == "ca"
    assert search(api, shelf, f"experiment_id NOT IN ('{known['a']}')") == "cb"


@pytest.mark.parametrize(
    "filter",
    [
        "name = 'a' OR",
        "name",
        "name = a",
        "bogus = 'a'",
        "creation_time = '5'",
        "creation_time LIKE '5'",
        "metrics.m > 1",
        "params.p = '1'",
        " ",
    ],
)
def test_filters_outside_the_language(api: Api, filter: str) -> None:  # noqa: A002
    refused(api.post(PATH, {"max_results": 1, "filter": filter}))


@pytest.mark.parametrize(
    ("view", "ends"),
    [
        ({}, "cba"),
        ({"view_type": "ACTIVE_ONLY"}, "cba"),
        ({"view_type": 1}, "cba"),
        ({"view_type": "DELETED_ONLY"}, "d"),
        ({"view_type": 2}, "d"),
        ({"view_type": "ALL"}, "dcba"),
        ({"view_type": 3}, "dcba"),
        ({"viewType": "ALL"}, "dcba"),
    ],
)
def test_views(api: Api, shelf: str, view: dict[str, object], ends: str) -> None:
    assert search(api, shelf, **view) == ends


@pytest.mark.parametrize(
    ("order", "ends"),
    [
        (["name"], "abc"),
        (["name ASC"], "abc"),
        (["name DESC"], "cba"),
        (["attribute.name desc"], "cba"),
        (["experiment_id"], "abc"),
        (["experiment_id DESC"], "cba"),
        (["creation_time ASC"], "abc"),
        (["last_update_time DESC"], "cba"),
        (["creation_time", "name DESC"], "abc"),
        ([], "cba"),
    ],
    ids=str,
)
def test_orders(api: Api, shelf: str, order: list[str], ends: str) -> None:
    assert search(api, shelf, order_by=order) == ends


@pytest.mark.parametrize(
    "order",
    ["bogus", "name UP", "name, creation_time", "metrics.m", "", "name; DROP"],
)
def test_unknown_orders_are_refused(api: Api, order: str) -> None:
    refused(api.post(PATH, {"max_results": 1, "order_by": [order]}))


@pytest.mark.parametrize(
    "order", [[], ["name"], ["creation_time DESC"], ["experiment_id"]], ids=str
)
@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_join_to_the_same_order(api: Api, shelf: str, order: list[str], size: int) -> None:
    message: dict[str, object] = {
        "max_results": size,
        "order_by": order,
        "filter": f"name LIKE '{shelf}%'",
        "view_type": "ALL",
    }
    whole = ok(api.post(PATH, message | {"max_results": 100}))["experiments"]
    pages = [ok(api.post(PATH, message))]
    while token := pages[-1].get("next_page_token"):
        pages.append(ok(api.post(PATH, message | {"page_token": token})))

    assert [item for page in pages for item in page.get("experiments", [])] == whole
    assert len(whole) == 4


def test_get_answers_as_post_does(api: Api, shelf: str) -> None:
    asked = {
        "max_results": 2,
        "filter": f"name LIKE '{shelf}%'",
        "order_by": ["name DESC"],
        "view_type": "ALL",
    }

    by_get, by_post = ok(api.get(PATH, asked)), ok(api.post(PATH, asked))

    assert by_get["experiments"] == by_post["experiments"]
    more = ok(api.get(PATH, asked | {"page_token": by_get["next_page_token"]}))["experiments"]
    assert [item["name"].removeprefix(shelf) for item in more] == ["b", "a"]


def test_rows_hold_what_get_holds(api: Api, shelf: str) -> None:
    message = {"max_results": 5, "filter": f"name = '{shelf}a'"}

    (row,) = ok(api.post(PATH, message))["experiments"]

    assert row == build.experiment(api, row["experiment_id"])


@pytest.mark.parametrize("size", [1, 50_000, "5"])
def test_sizes_at_the_limit(api: Api, size: object) -> None:
    assert ok(api.post(PATH, {"max_results": size}))["experiments"]


@pytest.mark.parametrize("size", [0, -1, 50_001, 2**40])
@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_sizes_beyond_the_limit(api: Api, size: int, verb: str) -> None:
    asked = {"max_results": size}

    reply = api.get(PATH, asked) if verb == "GET" else api.post(PATH, asked)

    refused(reply, INVALID, "max_results")


@differs("without a size a thousand are meant")
@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_size_may_be_absent(api: Api, shelf: str, verb: str) -> None:
    asked = {"filter": f"name LIKE '{shelf}%'"}

    reply = api.get(PATH, asked) if verb == "GET" else api.post(PATH, asked)

    assert len(ok(reply)["experiments"]) == 3


@differs("a GET without any argument is a search for everything")
def test_bare_get(api: Api, experiment: str) -> None:
    found = ok(api.get(PATH))["experiments"]

    assert experiment in {item["experiment_id"] for item in found}
