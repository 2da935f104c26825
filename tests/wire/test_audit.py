"""The audit trail over HTTP: read only (S112), and what a caller says of itself."""

from __future__ import annotations

import hashlib

import pytest

from tests.wire import build
from tests.wire.client import Api
from tests.wire.expect import MISSING, done, ok, refused
from tests.wire.marks import differs

pytestmark = differs("an endpoint of ours")

ENTRIES = "/api/2.0/millrace/audit/entries"
CHAIN = "/api/2.0/millrace/audit/chain"
RENAME = "/api/2.0/mlflow/experiments/update"


def rename(api: Api, experiment: str, **headers: str) -> None:
    message = {"experiment_id": experiment, "new_name": build.unique()}
    done(api.post(RENAME, message, **headers))


def entries(api: Api, experiment: str) -> list[dict[str, object]]:
    found = ok(api.get(ENTRIES, {"kind": "experiment", "id": experiment}))
    listed: list[dict[str, object]] = found["entries"]
    return listed


def test_a_change_is_found_by_its_object(api: Api, experiment: str) -> None:
    rename(api, experiment)

    renamed, made = entries(api, experiment)
    assert (made["action"], renamed["action"]) == ("experiment.create", "experiment.rename")
    assert renamed["address"] == "127.0.0.1"
    assert renamed["request_id"]


def test_the_stated_user_is_named_as_unverified(api: Api, experiment: str) -> None:
    rename(api, experiment, **{"X-Millrace-User": "ada"})

    assert entries(api, experiment)[0]["actor"] == "ada"
    assert "verified" not in entries(api, experiment)[0]


def test_a_request_is_found_by_its_id(api: Api, experiment: str) -> None:
    request_id = build.unique("request")
    rename(api, experiment, **{"X-Request-Id": request_id})

    (entry,) = ok(api.get(ENTRIES, {"request_id": request_id}))["entries"]
    assert entry["id"] == experiment


def test_pages_lead_on(api: Api, experiment: str) -> None:
    for _ in range(4):
        rename(api, experiment)
    asked = {"kind": "experiment", "id": experiment, "max_results": "3"}

    first = ok(api.get(ENTRIES, asked))
    rest = ok(api.get(ENTRIES, asked | {"page_token": first["next_page_token"]}))
    seen = [entry["seq"] for entry in (*first["entries"], *rest["entries"])]
    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)
    refused(api.get(ENTRIES, asked | {"page_token": "forged"}))


def test_a_stretch_of_the_chain_can_be_verified_elsewhere(api: Api, experiment: str) -> None:
    rename(api, experiment)
    last = int(str(entries(api, experiment)[0]["seq"]))

    one, two = ok(api.get(CHAIN, {"after": str(last - 2), "max_results": "2"}))["entries"]
    made = hashlib.sha256(bytes.fromhex(one["hash"]) + two["text"].encode())
    assert two["hash"] == made.hexdigest()
    shown = ok(api.get(f"{ENTRIES}/{last}"))
    assert shown["text"] == two["text"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
@pytest.mark.parametrize("path", [ENTRIES, f"{ENTRIES}/1", CHAIN])
def test_nobody_changes_the_trail(api: Api, method: str, path: str) -> None:
    assert api.send(method, path, {}).status == 405


@pytest.mark.parametrize(
    "query", [{"max_results": "0"}, {"max_results": "1001"}, {"since_ms": "-1"}, {"until_ms": "x"}]
)
def test_odd_arguments_are_refused(api: Api, query: dict[str, str]) -> None:
    refused(api.get(ENTRIES, query))


@pytest.mark.parametrize("seq", [-(2**63), -1, 0, 2**63 - 1])
def test_an_entry_that_cannot_be_is_not_found(api: Api, seq: int) -> None:
    refused(api.get(f"/api/2.0/millrace/audit/entries/{seq}"), MISSING, str(seq))
