"""Order and pages of searches: NULLs last, ties settled, nothing skipped or told twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, ok, refused
from tests.wire.marks import differs


def search(api: Api, experiment: str, *order: str, **asked: object) -> list[str]:
    """Names of the runs found, in order."""
    message = {"experiment_ids": [experiment], "order_by": list(order), **asked}
    found = ok(api.post("runs/search", message)).get("runs", [])
    return [item["info"]["run_name"] for item in found]


def walk(
    api: Api, path: str, message: dict[str, object], rows: str
) -> Iterator[list[dict[str, object]]]:
    """The rows of each page."""
    token: str | None = None
    while True:
        page = ok(api.post(path, message | ({"page_token": token} if token else {})))
        yield page.get(rows, [])
        if not (token := page.get("next_page_token")):
            return


@pytest.fixture(scope="module")
def shelf(api: Api) -> str:
    """Runs `a` (oldest) to `f`, some without a metric, a param or an end."""
    experiment = build.add_experiment(api)
    rows = [
        ("a", 2, "10"),
        ("b", 1, "2"),
        ("c", "NaN", "0.1"),
        ("d", None, None),
        ("e", -1, "A"),
        ("f", 1, "a"),
    ]
    for start, (name, metric, param) in enumerate(rows):
        run = build.add_run(
            api, experiment, run_name=name, start_time=start, user_id=f"u{start % 2}"
        )
        if metric is not None:
            build.log(api, run, metrics=[build.point("m", metric), build.point("a b", metric)])
            build.log(api, run, params=build.items({"p": param}), tags=build.items({"p": param}))
        if name in "ab":
            ok(
                api.post(
                    "runs/update", {"run_id": run, "status": "FINISHED", "end_time": 9 - start}
                )
            )
    return experiment


ORDERS = [
    ((), "fedcba"),
    (("start_time",), "abcdef"),
    (("start_time ASC",), "abcdef"),
    (("start_time DESC",), "fedcba"),
    (("start_time desc",), "fedcba"),
    (("attributes.start_time asc",), "abcdef"),
    (("attribute.start_time",), "abcdef"),
    (("created",), "abcdef"),
    (("Created DESC",), "fedcba"),
    (("end_time",), "bafedc"),
    (("end_time DESC",), "abfedc"),
    (("run_name DESC",), "fedcba"),
    (("run_name",), "abcdef"),
    (("status",), "bafedc"),
    (("status", "run_name"), "abcdef"),
    (("user_id DESC", "start_time"), "bdface"),
    (("metrics.m",), "efbacd"),
    (("metrics.m DESC",), "afbecd"),
    (("metric.m",), "efbacd"),
    (("metrics.`a b`",), "efbacd"),
    (('metrics."a b" DESC',), "afbecd"),
    (("metrics.m", "start_time"), "ebfacd"),
    (("params.p",), "cabefd"),
    (("params.p DESC",), "febacd"),
    (("parameter.p",), "cabefd"),
    (("tags.p",), "cabefd"),
    (("tag.p DESC",), "febacd"),
    (("metrics.missing",), "fedcba"),
    (("metrics.missing", "run_name"), "abcdef"),
    (("params.missing DESC", "start_time ASC"), "abcdef"),
    (("metrics.m", "params.p", "tags.p", "start_time"), "ebfacd"),
]


@pytest.mark.parametrize(("order", "names"), ORDERS, ids=str)
def test_orders(api: Api, shelf: str, order: tuple[str, ...], names: str) -> None:
    assert search(api, shelf, *order) == list(names)


@pytest.mark.parametrize(("order", "names"), ORDERS, ids=str)
@pytest.mark.parametrize("size", [1, 4])
def test_pages_join_to_the_same_order(
    api: Api, shelf: str, order: tuple[str, ...], names: str, size: int
) -> None:
    message = {"experiment_ids": [shelf], "order_by": list(order), "max_results": size}
    pages = list(walk(api, "runs/search", message, "runs"))

    assert [row["info"]["run_name"] for page in pages for row in page] == list(names)  # type: ignore[index]
    assert all(len(page) == size for page in pages[:-1])


def test_equal_start_times_are_settled_by_id(api: Api, experiment: str) -> None:
    runs = [build.add_run(api, experiment, start_time=5) for _ in range(12)]

    found = ok(api.post("runs/search", {"experiment_ids": [experiment]}))["runs"]

    assert [item["info"]["run_id"] for item in found] == sorted(runs)


NO_KEY = pytest.param("metrics.", marks=differs("a key is not empty"))


@pytest.mark.parametrize(
    "order",
    ["dataset.name", "Run name", "nonsense", "start_time UP",
     "start_time, run_name", "start_time DESC ASC", "metrics.m; run_name", "METRICS.m", NO_KEY,
     "other.m", "", "1", "metrics.m DESC NULLS FIRST", "(SELECT 1)", "run_id--"],
)  # fmt: skip
def test_unknown_orders_are_refused(api: Api, shelf: str, order: str) -> None:
    refused(api.post("runs/search", {"experiment_ids": [shelf], "order_by": [order]}))


# Pages


@pytest.mark.parametrize("size", [1, 50_000])
def test_sizes_at_the_limit(api: Api, shelf: str, size: int) -> None:
    assert search(api, shelf, max_results=size) == list("fedcba")[:size]


@pytest.mark.parametrize("size", [0, -1, 50_001, 2**31 - 1])
def test_sizes_beyond_the_limit(api: Api, shelf: str, size: int) -> None:
    message = {"experiment_ids": [shelf], "max_results": size}

    refused(api.post("runs/search", message), INVALID, "max_results")


def test_no_token_when_the_last_page_is_full(api: Api, shelf: str) -> None:
    """The next page would be empty; clients that walk on until a token is missing need not ask."""
    page = ok(api.post("runs/search", {"experiment_ids": [shelf], "max_results": 6}))
    assert len(page["runs"]) == 6

    token = page.get("next_page_token")
    rest = {} if token is None else ok(
        api.post("runs/search", {"experiment_ids": [shelf], "max_results": 6, "page_token": token})
    )  # fmt: skip

    assert "runs" not in rest


def test_the_page_size_may_change_between_pages(api: Api, shelf: str) -> None:
    first = ok(api.post("runs/search", {"experiment_ids": [shelf], "max_results": 1}))
    message = {"experiment_ids": [shelf], "page_token": first["next_page_token"], "max_results": 5}

    rest = ok(api.post("runs/search", message))

    assert [row["info"]["run_name"] for row in rest["runs"]] == list("edcba")


@differs("pages go on from a place, not from a count")
@pytest.mark.parametrize("order", [(), ("metrics.m",), ("params.p DESC",), ("run_name",)], ids=str)
def test_no_row_is_skipped_or_told_twice_while_runs_are_added(
    api: Api, experiment: str, order: tuple[str, ...]
) -> None:
    def add(number: int) -> str:
        run = build.add_run(api, experiment, run_name=f"{number:03}", start_time=number)
        build.log(
            api,
            run,
            metrics=[build.point("m", number % 3)],
            params=build.items({"p": f"{number % 4}"}),
        )
        return run

    before = {add(number) for number in range(0, 40, 2)}
    message = {"experiment_ids": [experiment], "max_results": 3, "order_by": list(order)}
    seen: list[str] = []
    for number, page in enumerate(walk(api, "runs/search", message, "runs")):
        seen += [row["info"]["run_id"] for row in page]  # type: ignore[index]
        add(100 + number)
        add(number * 2 + 1)
        assert number < 40, "the walk does not end"

    assert len(seen) == len(set(seen)), "a run was told twice"
    assert before <= set(seen), "a run was skipped"


@differs("pages go on from a place, not from a count")
def test_no_row_is_skipped_while_runs_are_deleted(api: Api, experiment: str) -> None:
    runs = {build.add_run(api, experiment, start_time=number) for number in range(20)}
    message = {"experiment_ids": [experiment], "max_results": 3}
    seen: list[str] = []
    for page in walk(api, "runs/search", message, "runs"):
        seen += [row["info"]["run_id"] for row in page]  # type: ignore[index]
        for run in seen[-3:]:
            ok(api.post("runs/delete", {"run_id": run}))

    assert len(seen) == len(set(seen))
    assert set(seen) == runs
