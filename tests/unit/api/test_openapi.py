"""The OpenAPI document is valid, complete, and says what the server does."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from openapi_spec_validator import validate

from millrace import __version__
from millrace.api.openapi import document
from millrace.api.table import ENDPOINTS

Json = dict[str, Any]


@pytest.fixture(scope="module")
def spec() -> Json:
    return json.loads(msgspec.json.encode(document(ENDPOINTS)))


def operations(spec: Json) -> dict[str, tuple[str, str, Json]]:
    return {
        operation["operationId"]: (method, path, operation)
        for path, item in spec["paths"].items()
        for method, operation in item.items()
    }


def references(node: object) -> set[str]:
    match node:
        case {"$ref": str(ref)}:
            return {ref}
        case dict():
            return set().union(*map(references, node.values()))
        case list():
            return set().union(*map(references, node))
    return set()


def test_the_document_is_valid_openapi(spec: Json) -> None:
    validate(spec)

    assert spec["openapi"].startswith("3.1")
    assert spec["info"]["version"] == __version__


def test_every_endpoint_is_one_operation(spec: Json) -> None:
    found = operations(spec)

    assert set(found) == {row.name for row in ENDPOINTS}
    for row in ENDPOINTS:
        method, path, operation = found[row.name]
        assert (method.upper(), path) == (row.method, row.paths[0])
        assert operation["tags"] == [row.group]
        assert operation["x-needs"]["permission"] == row.needs.permission.name


def test_all_fields_of_a_request_have_a_place(spec: Json) -> None:
    """Each field is a parameter or a property of the body, and none is both."""
    schemas = spec["components"]["schemas"]
    for row in ENDPOINTS:
        _, path, operation = operations(spec)[row.name]
        parameters = {
            item["name"]: item["in"]
            for item in operation.get("parameters", ())
            if item["in"] != "header"
        }
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        properties = schemas[body["schema"]["$ref"].rsplit("/", 1)[1]]["properties"] if body else {}
        fields = {field.encode_name for field in msgspec.structs.fields(row.request)}

        assert parameters.keys() | properties.keys() == fields, row.name
        assert not parameters.keys() & properties.keys(), row.name
        in_path = {name for name, place in parameters.items() if place == "path"}
        assert in_path == set(re.findall(r"{(\w+)}", path)), row.name
        assert bool(body) <= (row.method != "GET"), row.name


def test_all_references_lead_somewhere(spec: Json) -> None:
    for reference in references(spec):
        node = spec
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_a_metric_value_may_be_what_json_cannot_write(spec: Json) -> None:
    schemas = spec["components"]["schemas"]

    assert schemas["Metric"]["properties"]["value"] == {"$ref": "#/components/schemas/Number"}
    assert schemas["MetricEntry"]["properties"]["value"] == {"$ref": "#/components/schemas/Number"}
    assert {"enum": ["NaN", "Infinity", "-Infinity"]} in schemas["Number"]["anyOf"]


def test_a_bound_of_a_window_is_a_number(spec: Json) -> None:
    assert spec["components"]["schemas"]["QuerySeries"]["properties"]["start"] == {"type": "number"}


def test_absent_is_absent_not_null(spec: Json) -> None:
    """Only what really comes as null says so: the features of the server are always all there."""
    nullable = {
        name
        for name, schema in spec["components"]["schemas"].items()
        if '{"type": "null"}' in json.dumps(schema)
    }

    assert nullable == {"ServerInfo"}


def test_of_the_two_spellings_of_a_run_id_one_is_asked_for(spec: Json) -> None:
    schema = spec["components"]["schemas"]["LogMetric"]

    assert "run_id" in schema["required"]
    assert schema["properties"]["run_uuid"]["deprecated"]


def test_only_writes_take_an_idempotency_key(spec: Json) -> None:
    for row in ENDPOINTS:
        _, _, operation = operations(spec)[row.name]
        headers = [
            item["name"] for item in operation.get("parameters", ()) if item["in"] == "header"
        ]
        assert headers == (["Idempotency-Key"] if row.writes else []), row.name


def test_the_static_prefix_is_in_the_server_address() -> None:
    spec = document(ENDPOINTS, "/mlops")

    assert spec["servers"] == [{"url": "/mlops"}]
    assert not any(path.startswith("/mlops") for path in spec["paths"])
