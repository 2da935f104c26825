"""Windows on tables of runs, as pages ask for them: lists, trees and groups."""

from __future__ import annotations

import io
import math
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import INVALID, ok, refused
from tests.wire.marks import differs

pytestmark = differs("an endpoint of ours")

TABLE = "/api/3.0/millrace/runs/table"
KEYS = "/api/3.0/millrace/runs/keys"
EXPORT = "/api/3.0/millrace/runs/export"
VALUES = "/api/3.0/millrace/runs/values"
PARENT = "mlflow.parentRunId"


def add(api: Api, experiment: str, name: str, parent: str | None = None, **logged: Any) -> str:
    run = build.add_run(api, experiment, run_name=name, start_time=1)
    tags = {PARENT: parent} if parent else {}
    build.log(
        api,
        run,
        params=build.items(logged.get("params", {})),
        tags=build.items(tags | logged.get("tags", {})),
        metrics=[build.point(key, value) for key, value in logged.get("metrics", {}).items()],
    )
    return run


def table(api: Api, experiment: str, **asked: Any) -> dict[str, Any]:
    message = {"experiment_ids": [experiment], "columns": ["run_name"], **asked}
    return dict(ok(api.post(TABLE, message)))


def names(answer: dict[str, Any]) -> list[str]:
    return list(answer["columns"][0].get("values", ()))


def test_a_window_has_its_columns_and_the_total(api: Api, experiment: str) -> None:
    runs = [add(api, experiment, name, metrics={"loss": at}) for at, name in enumerate("abcd")]
    add(api, experiment, "e")

    answer = table(
        api, experiment, columns=["run_name", "metrics.loss"], order_by=["metrics.loss DESC"],
        offset=2, limit=3,
    )  # fmt: skip

    assert (answer["total"], answer["runs"], answer["offset"]) == (5, 5, 2)
    assert answer["columns"] == [
        {"name": "run_name", "values": ["b", "a", "e"]},
        {"name": "metrics.loss", "values": [1, 0, None]},
    ]
    assert answer["run_ids"][:2] == [runs[1], runs[0]]


def test_a_cursor_keeps_the_order_as_it_was(api: Api, experiment: str) -> None:
    for name in "abc":
        add(api, experiment, name)
    first = table(api, experiment, order_by=["run_name DESC"], limit=2)
    add(api, experiment, "d")

    rest = table(
        api, experiment, order_by=["run_name DESC"], offset=2, limit=2, cursor=first["cursor"]
    )
    anew = table(api, experiment, order_by=["run_name DESC"])

    assert (names(first), names(rest), rest["total"]) == (["c", "b"], ["a"], 3)
    assert names(anew) == ["d", "c", "b", "a"]


def test_a_cursor_belongs_to_its_query(api: Api, experiment: str) -> None:
    first = table(api, experiment)

    message = {"experiment_ids": [experiment], "filter": "metrics.a > 1"}
    refused(api.post(TABLE, {**message, "cursor": first["cursor"]}), INVALID, "page_token")


# --- trees -------------------------------------------------------------------------------------


@pytest.fixture
def family(api: Api, experiment: str) -> dict[str, str]:
    """Run a above b above c, and d by itself."""
    runs = {"a": add(api, experiment, "a")}
    runs["b"] = add(api, experiment, "b", runs["a"])
    runs["c"] = add(api, experiment, "c", runs["b"], tags={"team": "vision"})
    runs["d"] = add(api, experiment, "d")
    return runs


def test_a_folded_tree_shows_the_roots(api: Api, experiment: str, family: dict[str, str]) -> None:
    answer = table(api, experiment, order_by=["run_name"], tree={})

    assert (names(answer), answer["total"], answer["runs"]) == (["a", "d"], 2, 4)
    assert answer["tree"] == {
        "depth": [0, 0],
        "matches": [True, True],
        "children": [1, 0],
        "descendants": [2, 0],
    }
    assert answer["run_ids"] == [family["a"], family["d"]]


def test_an_opened_run_shows_its_children(
    api: Api, experiment: str, family: dict[str, str]
) -> None:
    answer = table(api, experiment, order_by=["run_name"], tree={"expanded": [family["a"]]})

    assert names(answer) == ["a", "b", "d"]
    assert answer["tree"]["depth"] == [0, 1, 0]


def test_the_way_to_a_matching_grandchild_is_there(
    api: Api, experiment: str, family: dict[str, str]
) -> None:
    answer = table(
        api, experiment, order_by=["run_name DESC"], filter="tags.team = 'vision'",
        tree={"all": True},
    )  # fmt: skip

    assert (names(answer), answer["total"], answer["runs"]) == (["a", "b", "c"], 3, 1)
    assert answer["tree"]["matches"] == [False, False, True]
    assert answer["tree"]["descendants"] == [1, 1, 0]


def test_runs_that_are_their_own_ancestors_are_there_once(api: Api, experiment: str) -> None:
    first = add(api, experiment, "a")
    second = add(api, experiment, "b", first)
    build.log(api, first, tags=build.items({PARENT: second}))

    answer = table(api, experiment, order_by=["run_name"], tree={"all": True})

    assert sorted(names(answer)) == ["a", "b"]


# --- groups ------------------------------------------------------------------------------------


def test_groups_hold_count_mean_and_deviation(api: Api, experiment: str) -> None:
    losses = {"sgd": [1.0, 2.0, 4.0], "adam": [0.5]}
    for optimizer, values in losses.items():
        for value in values:
            add(api, experiment, optimizer, params={"opt": optimizer}, metrics={"loss": value})
    add(api, experiment, "none", metrics={"loss": "NaN"})

    answer = table(
        api, experiment, columns=["metrics.loss"], order_by=["metrics.loss"],
        group_by=["params.opt"],
    )  # fmt: skip

    groups = answer["groups"]
    assert (answer["total"], answer["runs"]) == (3, 5)
    assert groups["keys"] == [{"name": "params.opt", "values": ["adam", "sgd", None]}]
    assert groups["runs"] == [1, 3, 1]
    (loss,) = groups["columns"]
    assert loss["count"] == [1, 3, 0]
    assert loss["mean"] == [0.5, pytest.approx(7 / 3, abs=1e-12), None]
    assert loss["std"] == [None, pytest.approx(math.sqrt(7 / 3), abs=1e-12), None]


def test_a_group_can_be_opened(api: Api, experiment: str) -> None:
    add(api, experiment, "a", params={"opt": "sgd"}, tags={"team": "x"})
    add(api, experiment, "b", params={"opt": "sgd"})
    add(api, experiment, "c", params={"opt": "adam"}, tags={"team": "x"})

    def within(*values: tuple[str, str | None]) -> list[str]:
        asked = [
            {"column": column} if value is None else {"column": column, "value": value}
            for column, value in values
        ]
        return names(table(api, experiment, order_by=["run_name"], within=asked))

    assert within(("params.opt", "sgd")) == ["a", "b"]
    assert within(("params.opt", "sgd"), ("tags.team", None)) == ["b"]


# --- keys and values ---------------------------------------------------------------------------


def test_keys_tell_what_there_is(api: Api, experiment: str) -> None:
    add(api, experiment, "a", metrics={"val/loss": 1, "val/acc": 2}, params={"lr": "0.1"})
    add(api, experiment, "b", metrics={"val/loss": "NaN"}, params={"lr": "auto"})

    def keys(kind: str, **more: Any) -> dict[str, Any]:
        message = {"experiment_ids": [experiment], "kind": kind, **more}
        return dict(ok(api.post(KEYS, message)))

    assert keys("metric", prefix="val/", order="coverage", limit=1) == {
        "total": 2,
        "runs": 2,
        "keys": [
            {"key": "val/loss", "runs": 2, "type": "number", "distinct": 2, "minimum": 1,
             "maximum": 1}
        ],
    }  # fmt: skip
    (lr,) = keys("param")["keys"]
    assert (lr["type"], lr["runs"], lr["minimum"], lr["maximum"]) == ("mixed", 2, 0.1, 0.1)


def test_values_complete_what_is_typed(api: Api, experiment: str) -> None:
    for optimizer in ("sgd", "sgd", "adam"):
        add(api, experiment, "a", params={"opt": optimizer})

    found = ok(api.post(VALUES, {"experiment_ids": [experiment], "column": "params.opt"}))

    assert found["values"] == [{"value": "sgd", "runs": 2}, {"value": "adam", "runs": 1}]


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"columns": ["loss"]}, "loss"),
        ({"columns": ["metrics."]}, "metrics."),
        ({"columns": ["params.`a`.min"]}, "aggregates"),
        ({"order_by": ["datasets"]}, "datasets"),
        ({"filter": "metrics.loss <"}, "Filter, column 15"),
        ({"group_by": ["params.a"] * 5}, "group_by"),
        ({"limit": 1001}, "limit"),
        ({"offset": -1}, "offset"),
        ({"cursor": "x"}, "token"),
        ({"view": "SOME"}, "view"),
        ({"text": "a " * 11}, "text"),
        ({"experiment_ids": []}, "experiment_ids"),
        ({"experiment_ids": ["x"]}, "experiment"),
    ],
)
def test_odd_questions_are_refused(
    api: Api, experiment: str, asked: dict[str, Any], named: str
) -> None:
    message = {"experiment_ids": [experiment], **asked}

    reply = api.post(TABLE, message)

    assert (reply.status, reply.error_code) == (400, "INVALID_PARAMETER_VALUE")
    assert named in reply.text


def test_values_of_metrics_are_not_counted(api: Api, experiment: str) -> None:
    message = {"experiment_ids": [experiment], "column": "metrics.loss"}

    refused(api.post(VALUES, message), INVALID, "metrics.loss")


def test_a_table_is_downloaded_as_a_file(api: Api, experiment: str) -> None:
    run = add(api, experiment, "one", metrics={"loss": "Infinity"}, params={"lr": "0.1"})
    add(api, experiment, "two")
    asked = {"experiment_ids": [experiment], "columns": ["metrics.loss", "params.lr"]}

    reply = api.post(EXPORT, asked | {"filter": "params.lr = '0.1'"})

    assert reply.status == 200, reply.text
    assert reply.headers["content-type"] == "application/vnd.apache.parquet"
    assert 'filename="runs.parquet"' in reply.headers["content-disposition"]
    rows = pq.read_table(io.BytesIO(reply.body)).to_pylist()
    assert rows == [{"run_id": run, "metrics.loss": math.inf, "params.lr": "0.1"}]
    assert api.post(EXPORT, asked).status == 200


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"columns": ["loss"]}, "No column 'loss'"),
        ({"filter": "metrics.loss <"}, "column 15"),
        ({"order_by": ["datasets"]}, "'datasets'"),
        ({"experiment_ids": []}, "experiment_ids"),
    ],
)
def test_what_is_wrong_with_an_export_is_said_instead(
    api: Api, experiment: str, asked: dict[str, Any], told: str
) -> None:
    reply = api.post(EXPORT, {"experiment_ids": [experiment]} | asked)

    refused(reply, INVALID, told)
