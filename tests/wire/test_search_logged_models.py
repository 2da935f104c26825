"""Search of logged models: filters, data sets, order and pages."""

from __future__ import annotations

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, done, ok, refused
from tests.wire.marks import differs

PATH = "logged-models/search"
STATUS_BROKEN = differs("MLflow 3.17 compares the status as a number and finds nothing")


def search(api: Api, experiment: str, **asked: object) -> list[str]:
    found = ok(api.post(PATH, {"experiment_ids": [experiment], **asked}))
    return [item["info"]["name"] for item in found.get("models", [])]


@pytest.fixture(scope="module")
def shelf(api: Api) -> str:
    """Models `a` (oldest) to `d`; acc: .9 (on data set d/1), .5 (on d/2), .7 (on none), none."""
    experiment = build.add_experiment(api)
    run = build.add_run(api, experiment)
    rows = [
        ("a", "tree", 0.9, "1"),
        ("b", "tree", 0.5, "2"),
        ("c", "net", 0.7, None),
        ("d", "", None, None),
    ]
    for name, kind, value, digest in rows:
        params = build.items({"depth": name * 2, "n": "10"}) if name != "d" else []
        tags = build.items({"team": name.upper()}) if name in "ab" else []
        model = build.add_model(
            api, experiment, name=name, model_type=kind, params=params, tags=tags,
            source_run_id=run if name == "a" else "",
        )  # fmt: skip
        if value is not None:
            used = {"dataset_name": "d", "dataset_digest": digest} if digest else {}
            metric = build.point("acc", value) | {"model_id": model, **used}
            done(api.post("runs/log-metric", {"run_id": run, **metric}))
        if name == "a":
            ok(api.patch(f"logged-models/{model}", {"model_id": model, "status": 2}))
    return experiment


@pytest.mark.parametrize(
    ("filter", "names"),
    [
        ("", "dcba"),
        ("name = 'a'", "a"),
        ("attributes.name = 'a'", "a"),
        ("name != 'a'", "dcb"),
        ("name LIKE '%'", "dcba"),
        ("name ILIKE 'A'", "a"),
        ("name IN ('a', 'c', 'z')", "ca"),
        ("name NOT IN ('a', 'c')", "db"),
        ("model_type = 'tree'", "ba"),
        ("model_type = 'tree' AND name = 'b'", "b"),
        ("model_id LIKE 'm-%'", "dcba"),
        ("creation_timestamp > 0", "dcba"),
        ("creation_time < 5", ""),
        ("last_updated_timestamp > 0", "dcba"),
        pytest.param("last_updated_time > 0", "dcba", marks=differs("MLflow 3.17 lacks the alias")),
        ("params.depth = 'aa'", "a"),
        ("params.depth != 'aa'", "cb"),
        ("params.depth LIKE 'b%'", "b"),
        ("params.n = 10", "cba"),
        ("params.n = '10'", "cba"),
        ("tags.team = 'A'", "a"),
        ("tags.team ILIKE 'a'", "a"),
        ("tags.team != 'A'", "b"),
        ("metrics.acc > 0.6", "ca"),
        ("metrics.acc <= 0.7", "cb"),
        ("metrics.acc = 0.5", "b"),
        ("metrics.acc > 0.6 AND params.depth = 'aa'", "a"),
        ("metrics.none > 0", ""),
        pytest.param("status = 'READY'", "a", marks=STATUS_BROKEN),
        pytest.param("status IN ('READY', 'PENDING')", "dcba", marks=STATUS_BROKEN),
        pytest.param("status != 'READY'", "dcb", marks=STATUS_BROKEN),
        ("status = 'UPLOAD_FAILED'", ""),
    ],
)
def test_filters(api: Api, shelf: str, filter: str, names: str) -> None:  # noqa: A002
    assert search(api, shelf, filter=filter) == list(names)


def test_filter_by_source_run(api: Api, shelf: str) -> None:
    found = ok(api.post(PATH, {"experiment_ids": [shelf], "filter": "name = 'a'"}))
    run = found["models"][0]["info"]["source_run_id"]

    assert search(api, shelf, filter=f"source_run_id = '{run}'") == ["a"]


@pytest.mark.parametrize(
    "filter",
    [
        "name = 'a' OR",
        "name",
        pytest.param("name = a", marks=differs("MLflow takes it")),
        pytest.param("metrics.acc = 'x'", marks=differs("MLflow answers 500")),
        "metrics.acc LIKE '1'",
        " ",
        "other.x = '1'",
        pytest.param("bogus = '1'", marks=differs("MLflow answers 500")),
        pytest.param("creation_timestamp > '0'", marks=differs("MLflow answers 500")),
        pytest.param("__class__ = '1'", marks=differs("MLflow answers 500")),
        pytest.param("status = 'LOGGED_MODEL_READY'", marks=differs("since MLflow 3.18")),
    ],
)
def test_filters_outside_the_language(api: Api, shelf: str, filter: str) -> None:  # noqa: A002
    refused(api.post(PATH, {"experiment_ids": [shelf], "filter": filter}))


# Data sets


@pytest.mark.parametrize(
    ("datasets", "names"),
    [
        ([{"dataset_name": "d", "dataset_digest": "1"}], "a"),
        ([{"dataset_name": "d", "dataset_digest": "2"}], "b"),
        (
            [
                {"dataset_name": "d", "dataset_digest": "1"},
                {"dataset_name": "d", "dataset_digest": "2"},
            ],
            "ba",
        ),
        ([{"dataset_name": "x", "dataset_digest": "1"}], ""),
        ([], "cba"),
        pytest.param(
            [{"dataset_name": "d"}], "ba", marks=differs("without a digest any digest will do")
        ),
    ],
)
def test_metrics_on_data_sets(api: Api, shelf: str, datasets: list[object], names: str) -> None:
    assert search(api, shelf, filter="metrics.acc > 0", datasets=datasets) == list(names)


@pytest.mark.parametrize("bad", [{}, {"dataset_digest": "1"}, {"dataset_name": ""}])
def test_data_sets_need_a_name(api: Api, shelf: str, bad: dict[str, str]) -> None:
    message = {"experiment_ids": [shelf], "filter": "metrics.acc > 0", "datasets": [bad]}

    refused(api.post(PATH, message), INVALID, "dataset_name")


# Order


def by(field: str, **more: object) -> list[dict[str, object]]:
    return [{"field_name": field, **more}]


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ([], "dcba"),
        (by("name"), "abcd"),
        (by("name", ascending=True), "abcd"),
        (by("name", ascending=False), "dcba"),
        (by("creation_time", ascending=True), "abcd"),
        (by("creation_timestamp", ascending=False), "dcba"),
        (by("model_id") and by("name"), "abcd"),
        (by("metrics.acc"), "bcad"),
        (by("metrics.acc", ascending=True), "bcad"),
        (by("metrics.acc", ascending=False), "acbd"),
        (by("metrics.acc", dataset_name="d", dataset_digest="2") + by("name"), "bacd"),
        (by("model_type") + by("name", ascending=False), "dcba"),
    ],
    ids=str,
)
def test_orders(api: Api, shelf: str, order: list[object], names: str) -> None:
    assert search(api, shelf, order_by=order) == list(names)


@pytest.mark.parametrize("bad", [*by("bogus"), *by(""), {}, "name"], ids=str)
def test_unknown_orders_are_refused(api: Api, shelf: str, bad: object) -> None:
    refused(api.post(PATH, {"experiment_ids": [shelf], "order_by": [bad]}))


# Pages and scope


@pytest.mark.parametrize("size", [1, 2, 3])
def test_pages_join(api: Api, shelf: str, size: int) -> None:
    message: dict[str, object] = {
        "experiment_ids": [shelf],
        "max_results": size,
        "order_by": by("name"),
    }
    pages = [ok(api.post(PATH, message))]
    while token := pages[-1].get("next_page_token"):
        pages.append(ok(api.post(PATH, message | {"page_token": token})))

    names = [model["info"]["name"] for page in pages for model in page.get("models", [])]
    assert names == list("abcd")


def test_size_is_fifty_unless_told(api: Api, experiment: str) -> None:
    for _ in range(51):
        build.add_model(api, experiment)

    page = ok(api.post(PATH, {"experiment_ids": [experiment]}))

    assert len(page["models"]) == 50
    assert page["next_page_token"]


@differs("MLflow answers an odd empty page")
@pytest.mark.parametrize("size", [-1, -(2**31)])
def test_negative_size(api: Api, shelf: str, size: int) -> None:
    refused(
        api.post(PATH, {"experiment_ids": [shelf], "max_results": size}), INVALID, "max_results"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"filter": "name = 'a'"},
        {"order_by": by("name")},
        {"experiment_ids": ["0"]},
    ],
    ids=str,
)
def test_a_token_belongs_to_its_search(api: Api, shelf: str, change: dict[str, object]) -> None:
    message = {"experiment_ids": [shelf], "max_results": 1}
    token = ok(api.post(PATH, message))["next_page_token"]

    refused(api.post(PATH, message | change | {"page_token": token}))


def test_no_experiments_no_models(api: Api, shelf: str) -> None:
    assert ok(api.post(PATH, {"experiment_ids": []})) == {}
    assert ok(api.post(PATH, {"experiment_ids": ["987654321"]})) == {}


def test_bad_experiment_id(api: Api) -> None:
    refused(api.post(PATH, {"experiment_ids": ["x"]}))
