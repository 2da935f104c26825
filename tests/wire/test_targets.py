"""Odd spellings of paths and queries: not found, refused, or canonical; never a way round."""

from __future__ import annotations

import json
from urllib.parse import quote, unquote

import pytest

from tests.wire import build
from tests.wire.client import JSON_TYPE, Api
from tests.wire.expect import clean_error, ok, turned_away
from tests.wire.marks import differs

WRITE = "/api/2.0/mlflow/runs/set-tag"
ODD_PATHS = [
    "//api/2.0/mlflow/runs/set-tag",
    "/api//2.0/mlflow/runs/set-tag",
    "/api/2.0/mlflow/runs//set-tag",
    "/api/2.0/mlflow/./runs/set-tag",
    "/api/2.0/mlflow/x/../runs/set-tag",
    "/api/2.0/mlflow/runs/set-tag/",
    "/api/2.0/mlflow/runs/set-tag/.",
    "/api/2.0/mlflow/runs/set-tag;x=1",
    "/api/2.0/mlflow/runs/set-tag.json",
    "/api/2.0/mlflow/runs/set-tag%00",
    "/api/2.0/mlflow/runs/set-tag%20",
    "/api/2.0/mlflow/runs%2fset-tag",
    "/api/2.0/mlflow/runs%5cset-tag",
    "/api/2.0/mlflow/runs/%73et-tag",
    "/%61pi/2.0/mlflow/runs/set-tag",
    "/api/2.0/MLFLOW/runs/set-tag",
    "/API/2.0/mlflow/runs/set-tag",
    "/api/2/mlflow/runs/set-tag",
    "/api/2.00/mlflow/runs/set-tag",
    "/api/02.0/mlflow/runs/set-tag",
    "/api/3.0/mlflow/runs/set-tag",
    "/mlflow/runs/set-tag",
    "/ajax-api/api/2.0/mlflow/runs/set-tag",
    "/api/2.0/mlflow/runs/set-tag%ff",
    "/api/2.0/mlflow/runs/set-tag%",
    "/api/2.0/mlflow/runs/set-tag%zz",
]


@differs("paths are compared whole, and answered in JSON")
@pytest.mark.parametrize("path", ODD_PATHS)
def test_odd_spellings_of_a_path(api: Api, run: str, path: str) -> None:
    """The canonical route is a fair reading only of what differs from it in percent-encoding."""
    body = json.dumps({"run_id": run, "key": "k", "value": "v"}).encode()

    reply = api.request("POST", path, body=body, headers={"Content-Type": JSON_TYPE})

    if reply.status == 200:
        assert unquote(path) == WRITE
    else:
        turned_away(reply, 400, 404)
        assert build.tags(api, run) == {}


@differs("an odd spelling meets the same checks")
@pytest.mark.parametrize("path", ODD_PATHS)
def test_odd_spellings_are_no_way_round_the_origin_check(api: Api, run: str, path: str) -> None:
    body = json.dumps({"run_id": run, "key": "k", "value": "v"}).encode()
    headers = {"Content-Type": JSON_TYPE, "Origin": "http://evil.example"}

    turned_away(api.request("POST", path, body=body, headers=headers), 400, 403)

    assert build.tags(api, run) == {}


DECODED_FIRST = pytest.param("/tags%2Fa", marks=differs("MLflow decodes before it splits"))


@pytest.mark.parametrize("tail", ["%2Ftags", "%2F..%2F..", "/", "/x", "%00", DECODED_FIRST])
def test_an_encoded_slash_is_no_separator(api: Api, experiment: str, tail: str) -> None:
    model = build.add_model(api, experiment, tags=build.items({"a": "1"}))

    reply = api.request("DELETE", f"logged-models/{model}{tail}")

    assert reply.status in {400, 404, 405}
    assert build.model(api, model)["info"]["tags"] == build.items({"a": "1"})


# Queries


@differs("a query is percent-encoded UTF-8")
@pytest.mark.parametrize("text", ["%ff", "%c0%af", "%ed%a0%80", "%00", "a%00b", "%f5%80%80%80"])
def test_queries_that_are_no_utf8(api: Api, text: str) -> None:
    turned_away(api.get(f"experiments/get-by-name?experiment_name={text}"), 400)


@pytest.mark.parametrize(
    "name", ["a&b=c", "a=b", "a;b", "a#b", "a?b", "a+b", "a%25b", "100%", "ü&ß"]
)
def test_anything_may_be_asked_for_when_encoded(api: Api, name: str) -> None:
    whole = build.unique(name)
    made = build.add_experiment(api, name=whole)

    found = ok(api.get(f"experiments/get-by-name?experiment_name={quote(whole, safe='')}"))

    assert found["experiment"]["experiment_id"] == made


def test_plus_is_a_blank(api: Api) -> None:
    whole = build.unique("a b")
    made = build.add_experiment(api, name=whole)

    found = ok(api.get("experiments/get-by-name?experiment_name=" + whole.replace(" ", "+")))

    assert found["experiment"]["experiment_id"] == made


@pytest.mark.parametrize(
    "query", ["&&", "=", "&=&", "x", "x&experiment_id=0&", "?experiment_id=0&x"]
)
def test_odd_queries_do_no_harm(api: Api, query: str) -> None:
    reply = api.get(f"experiments/get?{query}")

    assert reply.status in {200, 400}
    if reply.status == 400:
        clean_error(reply)


def test_many_arguments_are_answered(api: Api) -> None:
    query = "experiment_id=0&" + "&".join(f"x{number}=1" for number in range(1000))

    assert api.get(f"experiments/get?{query}").status in {200, 400, 414}


@differs("the body of a GET has a limit too")
def test_the_body_of_a_get_is_limited(api: Api) -> None:
    body = json.dumps({"experiment_id": "0", "later": "x" * 1024 * 1024}).encode()

    turned_away(
        api.request("GET", "experiments/get", body=body, headers={"Content-Type": JSON_TYPE}), 413
    )


def test_the_query_wins_over_the_body_of_a_get(api: Api, experiment: str) -> None:
    body = json.dumps({"experiment_id": experiment}).encode()

    reply = api.request("GET", "experiments/get", query={"experiment_id": "0"}, body=body)

    assert ok(reply)["experiment"]["experiment_id"] == "0"
