"""Prefixes, media types, spellings of keys, and where arguments may stand."""

from __future__ import annotations

import json

import pytest

from tests.wire import build
from tests.wire.catalogue import ELSEWHERE, ENDPOINTS, Endpoint
from tests.wire.client import JSON_TYPE, Api
from tests.wire.expect import (
    INVALID,
    MISSING,
    NO_ENDPOINT,
    clean_error,
    done,
    ok,
    pairs,
    refused,
    turned_away,
)
from tests.wire.marks import differs

WITH_BODY = [endpoint for endpoint in ENDPOINTS if endpoint.verb != "GET"]
NOT_JSON = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
            "application/jsonx", "application/json-seq", "text/json", "application/octet-stream",
            "json"]  # fmt: skip


# Routes


@pytest.mark.parametrize("family", ["api", "ajax-api"])
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
def test_each_endpoint_is_served_under_both_prefixes(
    api: Api, endpoint: Endpoint, family: str
) -> None:
    """A route exists when its answer is its own: a message or an error about the request."""
    reply = api.request(
        endpoint.verb,
        endpoint.target(family),
        query={"experiment_id": "no-such-id"} if endpoint.verb == "GET" else None,
        body=None if endpoint.verb == "GET" else b"{}",
        headers={"Content-Type": JSON_TYPE},
    )

    assert reply.status not in {405, 501}, reply
    assert isinstance(reply.json, dict), reply
    assert reply.json.get("error_code") != NO_ENDPOINT, reply


def test_both_prefixes_see_the_same_records(api: Api, experiment: str) -> None:
    asked = {"experiment_id": experiment}

    first = ok(api.get("/api/2.0/mlflow/experiments/get", asked))
    second = ok(api.get("/ajax-api/2.0/mlflow/experiments/get", asked))

    assert first == second


@differs("unknown paths are answered in JSON")
@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/api/2.0/mlflow/nothing"),
        ("POST", "/api/2.0/mlflow/nothing"),
        ("GET", "/ajax-api/2.0/mlflow/nothing"),
        ("GET", "/api/2.0/mlflow/runs/get/"),
        ("POST", "/api/2.0/mlflow/runs/create/"),
        ("GET", "/api/2.0/mlflow/runs//get"),
        ("GET", "/api/2.0/mlflow/Runs/Get"),
        ("GET", "/api/1.0/mlflow/runs/get"),
        ("GET", "/api/3.0/mlflow/runs/get"),
        ("GET", "/api/2.0/mlflow/datasets/search"),
        ("GET", "/api/2.0/mlflow/runs/get;x"),
        ("GET", "/api/2.0/mlflow/runs/get.json"),
        ("GET", "/api/2.0/mlflow"),
        ("GET", "/api/2.0"),
    ],
)
def test_unknown_path_is_a_json_404(api: Api, verb: str, path: str) -> None:
    reply = api.send(verb, path, {}) if verb == "POST" else api.get(path)

    refused(reply, NO_ENDPOINT)


@differs("endpoints we do not offer say so in JSON")
@pytest.mark.parametrize(("verb", "path"), ELSEWHERE)
def test_endpoint_not_offered_is_named(api: Api, verb: str, path: str) -> None:
    reply = api.send(verb, path, {}) if verb == "POST" else api.get(path)

    turned_away(reply, 404, 501)

    assert reply.error_code in {NO_ENDPOINT, "NOT_IMPLEMENTED"}


@differs("a known path with another verb is answered in JSON")
@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "runs/create"),
        ("POST", "runs/get"),
        ("PUT", "runs/create"),
        ("DELETE", "runs/delete"),
        ("PATCH", "experiments/update"),
        ("POST", "metrics/get-history"),
        ("PUT", "experiments/search"),
        ("PUT", "logged-models/m-1"),
        ("GET", "logged-models/m-1/tags"),
    ],
)
def test_wrong_verb_is_a_json_405(api: Api, verb: str, path: str) -> None:
    reply = api.get(path) if verb == "GET" else api.send(verb, path, {})

    turned_away(reply, 405)

    assert reply.headers.get("allow"), reply


# Media types


@pytest.mark.parametrize(
    "endpoint",
    [
        e if e.verb == "POST" else pytest.param(e, marks=differs("the rule holds for every verb"))
        for e in WITH_BODY
    ],
    ids=str,
)
def test_bodies_must_be_json(api: Api, endpoint: Endpoint) -> None:
    body = json.dumps(endpoint.message()).encode()

    for headers in ({}, {"Content-Type": "text/plain"}):
        reply = api.request(endpoint.verb, endpoint.target(), body=body, headers=headers)

        turned_away(reply, 400, 415)
        assert "content-type" in reply.json["message"].lower()


def test_delete_without_a_body_needs_no_media_type(api: Api, experiment: str) -> None:
    model = build.add_model(api, experiment)

    done(api.request("DELETE", f"logged-models/{model}"))

    refused(api.get(f"logged-models/{model}"), MISSING)


@pytest.mark.parametrize("media", NOT_JSON)
def test_other_media_types_change_nothing(api: Api, run: str, media: str) -> None:
    body = json.dumps({"run_id": run, "key": "k", "value": "v"}).encode()

    reply = api.request("POST", "runs/set-tag", body=body, headers={"Content-Type": media})

    turned_away(reply, 400, 415)
    assert build.tags(api, run) == {}


@pytest.mark.parametrize(
    "media",
    ["application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8",
     "application/json; v=1"],
)  # fmt: skip
def test_parameters_of_the_media_type_are_allowed(api: Api, run: str, media: str) -> None:
    body = json.dumps({"run_id": run, "key": "k", "value": "é"}, ensure_ascii=False).encode()

    done(api.request("POST", "runs/set-tag", body=body, headers={"Content-Type": media}))

    assert build.tags(api, run) == {"k": "é"}


@pytest.mark.parametrize("charset", ["utf-16", "latin-1", "rot13", "idna", "no-such-codec", "zip"])
def test_charset_never_chooses_a_codec(api: Api, run: str, charset: str) -> None:
    """UTF-8 is read as UTF-8 whatever the header says, or the request is refused."""
    body = json.dumps({"run_id": run, "key": "k", "value": "é"}, ensure_ascii=False).encode()
    headers = {"Content-Type": f"application/json; charset={charset}"}

    reply = api.request("POST", "runs/set-tag", body=body, headers=headers)

    if reply.status == 200:
        assert build.tags(api, run) == {"k": "é"}
    else:
        turned_away(reply, 400, 415)


@differs("a compressed body is refused rather than read as text")
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "identity, gzip", "x-unknown"])
def test_compressed_bodies_are_refused(api: Api, run: str, coding: str) -> None:
    body = json.dumps({"run_id": run, "key": "k", "value": "v"}).encode()
    headers = {"Content-Type": JSON_TYPE, "Content-Encoding": coding}

    turned_away(api.request("POST", "runs/set-tag", body=body, headers=headers), 415)

    assert build.tags(api, run) == {}


# Keys


def test_optional_fields_may_be_camel_case(api: Api) -> None:
    place = {"artifactLocation": "s3://bucket/camel"}

    made = build.add_experiment(api, **place)

    assert build.experiment(api, made)["artifact_location"] == "s3://bucket/camel"


@differs("required fields may be camel case as well")
def test_required_fields_may_be_camel_case(api: Api, run: str) -> None:
    renamed = ok(api.post("runs/update", {"runId": run, "runName": "camel", "endTime": 7}))

    assert renamed["run_info"]["run_name"] == "camel"
    assert renamed["run_info"]["end_time"] == 7


@differs("nested fields may be camel case as well")
def test_nested_fields_may_be_camel_case(api: Api, run: str) -> None:
    dataset = {"name": "d", "digest": "1", "sourceType": "local", "source": "here"}
    done(api.post("runs/log-inputs", {"runId": run, "datasets": [{"dataset": dataset}]}))

    held = build.run(api, run)["inputs"]["dataset_inputs"][0]["dataset"]

    assert held["source_type"] == "local"


def test_output_is_snake_case_only(api: Api, run: str) -> None:
    text = api.get("runs/get", {"run_id": run}).text

    assert '"run_name"' in text
    assert "runName" not in text.replace("mlflow.runName", "")


@pytest.mark.parametrize("second", ["same", "other"])
def test_both_spellings_at_once_are_refused(api: Api, run: str, second: str) -> None:
    message = {"run_id": run, "run_name": "same", "runName": second}

    refused(api.post("runs/update", message), INVALID, "run_name", "runName")

    assert build.info(api, run)["run_name"] != second


def test_unknown_fields_are_ignored(api: Api, run: str) -> None:
    done(api.post("runs/set-tag", {"run_id": run, "key": "k", "value": "v", "later": {"x": [1]}}))
    found = ok(api.get("runs/get", {"run_id": run, "later": "1"}))

    assert pairs(found["run"]["data"]["tags"])["k"] == "v"


def test_null_is_the_same_as_absent(api: Api, run: str) -> None:
    before = build.info(api, run)

    ok(api.post("runs/update", {"run_id": run, "status": None, "run_name": None, "end_time": None}))

    assert build.info(api, run) == before


# Arguments of GET


def test_get_reads_the_query(api: Api, run: str) -> None:
    assert ok(api.get("runs/get", {"run_id": run}))["run"]["info"]["run_id"] == run


def test_get_without_query_reads_a_json_body(api: Api, run: str) -> None:
    body = json.dumps({"run_id": run}).encode()

    reply = api.request("GET", "runs/get", body=body, headers={"Content-Type": JSON_TYPE})

    assert ok(reply)["run"]["info"]["run_id"] == run


def test_query_is_snake_case_only(api: Api, run: str) -> None:
    refused(api.get("runs/get", {"runId": run}), INVALID, "run_id")


def test_query_values_are_decoded_once(api: Api) -> None:
    name = build.unique("a+b %41 ü/")
    made = build.add_experiment(api, name=name)

    found = ok(api.get("experiments/get-by-name", {"experiment_name": name}))["experiment"]

    assert (found["experiment_id"], found["name"]) == (made, name)


def test_repeated_arguments_make_a_list(api: Api, experiment: str) -> None:
    first, second = (build.add_run(api, experiment) for _ in range(2))
    for run in (first, second):
        build.log(api, run, metrics=build.points(1))
    asked = [("run_ids", second), ("run_ids", first), ("metric_key", "m")]

    found = ok(api.get("metrics/get-history-bulk-interval", asked))["metrics"]

    assert [metric["run_id"] for metric in found] == [second, first]


def test_one_argument_makes_a_list_of_one(api: Api, run: str) -> None:
    build.log(api, run, metrics=build.points(1, 2))
    asked = {"run_ids": run, "metric_key": "m"}

    found = ok(api.get("metrics/get-history-bulk-interval", asked))["metrics"]

    assert [metric["step"] for metric in found] == [1, 2]


@pytest.mark.parametrize("view", ["DELETED_ONLY", "2"])
def test_enums_in_the_query_by_name_or_number(api: Api, view: str) -> None:
    name = build.unique()
    made = build.add_experiment(api, name=name)
    done(api.post("experiments/delete", {"experiment_id": made}))
    asked = {"view_type": view, "max_results": 5, "filter": f"name = '{name}'"}

    found = ok(api.get("experiments/search", asked))["experiments"]

    assert [item["experiment_id"] for item in found] == [made]


# Verbs without a message


def test_head_answers_like_get_without_a_body(api: Api) -> None:
    reply = api.request("HEAD", "/health")

    assert (reply.status, reply.body) == (200, b"")


@differs("HEAD reads the query as GET does")
def test_head_reads_the_query(api: Api, run: str) -> None:
    asked = {"run_id": run}

    head = api.request("HEAD", "runs/get", query=asked)
    get = api.get("runs/get", asked)

    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert head.headers.get("content-length") == str(len(get.body))


@differs("HEAD of what is not there has no body either")
def test_head_of_a_missing_thing(api: Api) -> None:
    reply = api.request("HEAD", "runs/get", query={"run_id": "0" * 32})

    assert (reply.status, reply.body) == (404, b"")


def test_options_is_answered_without_a_body(api: Api) -> None:
    reply = api.request("OPTIONS", "runs/get")

    assert reply.status in {200, 204}
    assert reply.body == b""
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize("wrapped", [1, 2])
def test_json_in_a_json_string_is_unwrapped(api: Api, run: str, wrapped: int) -> None:
    """Old clients encode twice; three times is nobody's habit."""
    body = json.dumps({"run_id": run, "key": "k", "value": str(wrapped)})
    if wrapped == 2:
        body = json.dumps(body)

    done(api.text("runs/set-tag", body))

    assert build.tags(api, run) == {"k": str(wrapped)}


@differs("a refusal is always the JSON error object")
def test_refusals_name_code_and_message_only_plainly(api: Api) -> None:
    error = clean_error(api.get("runs/get"))

    assert set(error) <= {"error_code", "message", "sqlstate", "error_class", "request_id"}
