"""Every endpoint names the field that is missing or of the wrong kind, before anything else."""

from __future__ import annotations

import pytest

from tests.wire.catalogue import ENDPOINTS, Endpoint
from tests.wire.client import Api, Reply
from tests.wire.expect import INVALID, refused
from tests.wire.marks import differs

REQUIRED = [(endpoint, name) for endpoint in ENDPOINTS for name in endpoint.required]
WITH_BODY = [endpoint for endpoint in ENDPOINTS if endpoint.verb != "GET"]
BODY_FIELDS = [(e, name) for e in WITH_BODY for name in e.fields]
# Where MLflow checks nothing, or answers 500.
UNCHECKED = {("runs/create", "user_id"), ("runs/create", "tags"), ("runs/search", "page_token")}
CHECKED_BY_BOTH = [(e, name) for e, name in BODY_FIELDS if (e.path, name) not in UNCHECKED]
NEEDY = [
    pytest.param(e, marks=differs("MLflow answers 500") if e.path == "runs/log-batch" else ())
    for e in WITH_BODY
    if e.required
]

WRONG = {
    "str": [12, True, ["a"], {"a": "b"}],
    "int": ["x", 1.5, [1], {}],
    "double": ["x", [1.5], {}],
    "enum": ["BOGUS", 99, 1.5, []],
    "strs": ["a", {}, 5],
    "list": ["a", {}, 5],
    "bool": [5, "x"],
}

# What MLflow takes for something else, or leaves to chance; elsewhere it refuses as we do.
_REFUSED_BY_BOTH = {
    "str": (12, True),
    "int": ("x",),
    "double": ("x",),
    "strs": ("a",),
    "list": ("a",),
}


def ask(api: Api, endpoint: Endpoint, message: dict[str, object]) -> Reply:
    if endpoint.verb == "GET":
        return api.get(endpoint.target(), {k: v for k, v in message.items() if v is not None})
    return api.send(endpoint.verb, endpoint.target(), message)


def label(value: object) -> str:
    return str(value)


@pytest.mark.parametrize(("endpoint", "name"), REQUIRED, ids=label)
def test_missing_field_is_named(api: Api, endpoint: Endpoint, name: str) -> None:
    refused(ask(api, endpoint, endpoint.message(without=name)), INVALID, name)


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [(e, name) for e, name in REQUIRED if e.required[name] not in {"list", "strs"}],
    ids=label,
)
def test_empty_string_counts_as_missing(api: Api, endpoint: Endpoint, name: str) -> None:
    refused(ask(api, endpoint, endpoint.message() | {name: ""}), INVALID, name)


@pytest.mark.parametrize(
    ("endpoint", "name"), [(e, n) for e, n in REQUIRED if e.verb != "GET"], ids=label
)
def test_null_counts_as_missing(api: Api, endpoint: Endpoint, name: str) -> None:
    refused(ask(api, endpoint, endpoint.message() | {name: None}), INVALID, name)


@pytest.mark.parametrize(("endpoint", "name"), CHECKED_BY_BOTH, ids=label)
def test_wrong_kind_is_refused_by_name(api: Api, endpoint: Endpoint, name: str) -> None:
    for value in _REFUSED_BY_BOTH.get(endpoint.fields[name], ()):
        refused(ask(api, endpoint, endpoint.message() | {name: value}), INVALID, name)


@differs("a value of the wrong kind is refused, never read as absent")
@pytest.mark.parametrize(("endpoint", "name"), BODY_FIELDS, ids=label)
def test_any_wrong_kind_is_refused_by_name(api: Api, endpoint: Endpoint, name: str) -> None:
    for value in WRONG[endpoint.fields[name]]:
        refused(ask(api, endpoint, endpoint.message() | {name: value}), INVALID, name)


@pytest.mark.parametrize("endpoint", NEEDY, ids=label)
def test_empty_body_is_an_empty_object(api: Api, endpoint: Endpoint) -> None:
    reply = api.text(endpoint.target(), b"", method=endpoint.verb)

    message = refused(reply)

    assert any(name in message for name in (*endpoint.required, *endpoint.repeated))


@pytest.mark.parametrize("endpoint", NEEDY, ids=label)
def test_arguments_in_the_query_do_not_count_for_bodies(api: Api, endpoint: Endpoint) -> None:
    reply = api.request(
        endpoint.verb,
        endpoint.target(),
        query=endpoint.message(),
        body=b"{}",
        headers={"Content-Type": "application/json"},
    )

    message = refused(reply)

    assert any(name in message for name in (*endpoint.required, *endpoint.repeated))
