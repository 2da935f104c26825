"""What a model server answers, over a real socket: every route, every form, every refusal."""

from __future__ import annotations

import json
import os
import random
import socket
from typing import Any

import pandas as pd
import pytest
from openapi_spec_validator import validate

from millrace import __version__
from tests.e2e.serving.conftest import Server

FRAME = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, -4.0]})
EXPECTED = [7.0, -6.0]


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 3], [2, -4]]}},
        {"dataframe_split": {"columns": ["b", "a"], "data": [[3, 1], [-4, 2]], "index": [5, 6]}},
        {"dataframe_records": [{"a": 1, "b": 3}, {"b": -4, "a": 2}]},
        {"instances": [{"a": 1, "b": 3}, {"a": 2, "b": -4}]},
        {"instances": [[1, 3], [2, -4]]},
        {"inputs": {"a": [1, 2], "b": [3, -4]}},
        {"inputs": [[1, 3], [2, -4]], "params": {"undeclared": 1}},
    ],
    ids=json.dumps,
)
def test_forms(served: Server, body: dict[str, Any]) -> None:
    assert served.ask("/invocations", body).json == {"predictions": pytest.approx(EXPECTED)}


def test_csv_and_parquet(served: Server) -> None:
    csv = served.ask("/invocations", FRAME.to_csv(index=False).encode(), content_type="text/csv")
    parquet = served.ask(
        "/invocations", FRAME.to_parquet(), content_type="application/vnd.apache.parquet"
    )

    # The last bit depends on how the numbers lie in memory.
    for reply in (csv, parquet):
        assert reply.json == {"predictions": pytest.approx(EXPECTED)}
    assert served.ask("/invocations", {"instances": []}).json == {"predictions": []}


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        (b"{", 400, "BAD_REQUEST", "not valid JSON"),
        ([1], 400, "BAD_REQUEST", "must be a JSON object"),
        ({"a": [1]}, 400, "BAD_REQUEST", "exactly one of the keys"),
        ({"inputs": [], "instances": []}, 400, "BAD_REQUEST", "instances and inputs"),
        ({"inputs": {"a": [1]}}, 400, "INVALID_PARAMETER_VALUE", "'b' (double)"),
        ({"inputs": {"a": ["x"], "b": [1]}}, 400, "INVALID_PARAMETER_VALUE", "Column 'a'"),
        ({"inputs": {"a": [None], "b": [1]}}, 400, "BAD_REQUEST", "contains NaN"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_refusals(served: Server, body: Any, status: int, code: str, says: str) -> None:
    reply = served.ask("/invocations", body)

    assert (reply.status, reply.json["error_code"]) == (status, code)
    assert says in reply.json["message"]
    if code == "INVALID_PARAMETER_VALUE":
        assert reply.json["error_class"] == "SCHEMA_ENFORCEMENT_FAILED"
        assert reply.json["sqlstate"] == "KAM01"


def test_media_types_and_methods(served: Server) -> None:
    assert served.ask("/invocations", b"x", content_type="text/plain").status == 415
    assert (
        served.ask("/invocations", b"{}", content_type="application/json; format=x").status == 415
    )
    assert served.ask("/invocations").status == 405
    assert served.ask("/nothing").status == 404
    assert served.ask("/invocations", b"x", content_encoding="gzip").status == 415


def test_probes_and_version(served: Server) -> None:
    for path in ("/ping", "/health"):
        reply = served.ask(path)
        assert (reply.status, reply.body) == (200, b"\n")
    assert served.ask("/version").body.decode() == __version__


def test_a_page_of_another_site_gets_nothing(served: Server) -> None:
    refused = served.ask("/invocations", {"inputs": [[1, 2]]}, origin="https://evil.example")
    named = served.ask("/invocations", {"inputs": [[1, 2]]}, host="evil.example")

    assert refused.status == 403
    assert named.status == 403


def test_openapi_says_what_the_model_takes(served: Server) -> None:
    document = served.ask("/openapi.json").json
    validate(document)
    body = document["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]

    assert [one["required"] for one in body["schema"]["oneOf"]] == [
        ["dataframe_split"],
        ["dataframe_records"],
        ["instances"],
        ["inputs"],
    ]
    assert served.ask("/invocations", body["example"]).status == 200


def test_metrics(served: Server) -> None:
    before = served.metric("rows_total")

    served.ask("/invocations", {"inputs": [[1, 3], [2, -4]]})

    text = served.ask("/metrics").body.decode()
    assert served.metric("rows_total") == before + 2
    assert served.metric("processes_ready") == 1
    assert 'millrace_serving_requests_total{route="invocations",status="200"}' in text
    assert 'millrace_serving_request_seconds_bucket{route="invocations",le="+Inf"}' in text


def test_open_inference_protocol(served: Server) -> None:
    body = {
        "id": "7",
        "inputs": [
            {"name": "a", "shape": [2], "datatype": "FP64", "data": [1, 2]},
            {"name": "b", "shape": [2], "datatype": "FP64", "data": [3, -4]},
        ],
    }

    for path in ("/v2/models/model", "/v2/models/model/versions/1"):
        reply = served.ask(f"{path}/infer", body).json
        [output] = reply.pop("outputs")
        assert reply == {"model_name": "model", "model_version": "1", "id": "7"}
        assert output["data"] == pytest.approx(EXPECTED)
        assert served.ask(f"{path}/ready").json == {"name": "model", "ready": True}
        assert [one["name"] for one in served.ask(path).json["inputs"]] == ["a", "b"]
    assert served.ask("/v2").json["extensions"] == ["binary_tensor_data"]
    assert served.ask("/v2/health/live").json == {"live": True}
    assert served.ask("/v2/health/ready").json == {"ready": True}
    assert served.ask("/v2/models/other").status == 404
    assert served.ask("/v2/models/model/versions/2/infer", body).status == 404


@pytest.mark.fuzz
def test_no_body_harms_the_server(served: Server, full_size: bool) -> None:
    """Thousands of broken bodies later the same process answers as before."""
    dice = random.Random(os.urandom(8))
    starts = served.metric("process_starts_total")
    good = json.dumps({"dataframe_split": {"columns": ["a", "b"], "data": [[1, 3]]}}).encode()
    odd = [
        b"NaN",
        b"Infinity",
        b"1e999",
        b"[" * 500,
        b"{" * 500,
        b'"',
        b"null",
        b"\0",
        b"\xff",
        b"-",
    ]
    kinds = ["application/json", "text/csv", "application/vnd.apache.parquet"]
    for _ in range(5000 if full_size else 300):
        body = bytearray(dice.choice([good, FRAME.to_parquet(), b"a,b\n1,3\n"]))
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(body))
            body[at : at + dice.randint(0, 3)] = dice.choice(odd)
        path = dice.choice(["/invocations", "/v2/models/model/infer"])
        status = served.ask(path, bytes(body), content_type=dice.choice(kinds)).status
        assert status in {200, 400, 413, 415}, (status, path, bytes(body))

    assert served.metric("process_starts_total") == starts
    assert served.ask("/invocations", good).json == {"predictions": [pytest.approx(7.0)]}


def test_a_hundred_megabytes_are_refused_before_they_are_read(served: Server) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as link:
        link.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 104857600\r\n\r\n{"
        )
        assert link.recv(4096).startswith(b"HTTP/1.1 413 ")
