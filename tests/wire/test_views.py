"""Saved views over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.build import unique
from tests.wire.client import Api
from tests.wire.expect import INVALID, MISSING, done, ok, refused
from tests.wire.marks import differs

pytestmark = differs("an endpoint of ours")

PATH = "/api/3.0/millrace/views"


def create(api: Api, experiment: str, **fields: Any) -> dict[str, Any]:
    message = {"experiment_id": experiment, "name": unique("view"), "format": 1, "document": "{}"}
    return dict(ok(api.post(PATH, {**message, **fields}))["view"])


def test_a_view_lives_from_its_creation_to_its_end(api: Api, experiment: str) -> None:
    made = create(api, experiment, document='{"columns": ["params.lr"]}', is_shared=True)
    at = f"{PATH}/{made['view_id']}"

    changed = ok(api.patch(at, {"name": "mine", "is_default": True, "seen_revision": 1}))["view"]
    listed = ok(api.get(PATH, {"experiment_id": experiment}))["views"]
    done(api.delete(at))

    assert (changed["name"], changed["revision"], changed["is_default"]) == ("mine", 2, True)
    assert changed["document"] == '{"columns": ["params.lr"]}'
    assert listed == [changed]
    refused(api.get(at), MISSING, made["view_id"])


def test_views_of_all_experiments_are_listed_without_their_documents(
    api: Api, experiment: str
) -> None:
    made = create(api, experiment, document='{"columns": ["params.lr"]}')
    create(api, experiment, name="")

    listed = ok(api.get(PATH, {"everywhere": "true"}))["views"]

    (own,) = [one for one in listed if one["experiment_id"] == experiment]
    assert own == {**made, "document": "{}"}


def test_the_second_of_two_who_change_is_told(api: Api, experiment: str) -> None:
    at = f"{PATH}/{create(api, experiment)['view_id']}"
    ok(api.patch(at, {"name": "a", "seen_revision": 1}))

    late = api.patch(at, {"name": "b", "seen_revision": 1})

    assert (late.status, late.error_code) == (409, "RESOURCE_CONFLICT")
    assert ok(api.get(at))["view"]["name"] == "a"


def test_a_view_without_a_name_is_found_by_its_id_only(api: Api, experiment: str) -> None:
    made = create(api, experiment, name="")

    assert ok(api.get(f"{PATH}/{made['view_id']}"))["view"] == made
    assert ok(api.get(PATH, {"experiment_id": experiment})) == {}


def test_an_address_is_stored_once_however_often_it_is(api: Api, experiment: str) -> None:
    document = '{"q": "long"}'
    first = create(api, experiment, name="", document=document)

    assert create(api, experiment, name="", document=document) == first
    other = create(api, experiment, name="", document='{"q": "longer"}')
    assert other["view_id"] != first["view_id"]
    ok(api.patch(f"{PATH}/{first['view_id']}", {"document": "{}"}))
    again = create(api, experiment, name="", document=document)
    assert again["view_id"] != first["view_id"]
    assert again["document"] == document


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"document": "{"}, "document"),
        ({"document": "[]"}, "document"),
        ({"document": '{"a":"' + "x" * 300_000 + '"}'}, "document"),
        ({"name": "n" * 251}, "name"),
        ({"format": 0}, "format"),
    ],
)
def test_odd_views_are_refused(
    api: Api, experiment: str, fields: dict[str, Any], named: str
) -> None:
    message = {"experiment_id": experiment, "name": "v", "format": 1, "document": "{}"}

    refused(api.post(PATH, {**message, **fields}), INVALID, named)


def test_a_view_is_of_an_experiment_that_is_there(api: Api) -> None:
    message = {"experiment_id": "999999999", "format": 1, "document": "{}"}

    refused(api.post(PATH, message), MISSING, "999999999")
