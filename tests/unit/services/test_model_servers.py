"""Model servers as the platform knows them: what they may say, whose they are, both directions."""

from __future__ import annotations

from typing import Any

import pytest

from millrace.core.entities.access import Actor
from millrace.core.errors import InvalidArgument, NotFound, PermissionDenied
from millrace.services.platform import Platform
from tests.unit.services.conftest import Call, calling

ID = f"s-{10:032x}"
SAID = {
    "server_id": ID,
    "name": "m",
    "version": "1",
    "endpoint": "m",
    "url": "http://host.example:8080",
    "host": "host",
    "model_uri": "models:/m@champion",
    "ttl_ms": 60_000,
}


def by(platform: Platform, name: str, at_ms: int = 100_000, **fields: Any) -> Call:
    return calling(platform, actor=Actor(name=name, **fields), at_ms=at_ms)


@pytest.fixture
def ada(platform: Platform) -> Call:
    call = by(platform, "ada")
    call("createRegisteredModel", name="m")
    call("createModelVersion", name="m", source="s3://b/m")
    return call


def test_a_version_knows_its_servers_and_a_server_its_version(
    platform: Platform, ada: Call
) -> None:
    made = ada("announceModelServer", **SAID, up_ms=40_000).model_server

    lineage = ada("getModelVersionLineage", name="m", version="1").lineage
    assert lineage.served_by == (made,)
    assert (made.started_timestamp, made.lease_until_timestamp) == (60_000, 160_000)
    assert (made.user_id, made.is_verified) == ("ada", False)
    (found,) = ada("listModelServers", host="host").model_servers
    assert (found.name, found.version) == ("m", "1")
    assert ada("getModelServer", server_id=ID).model_server == made


def test_a_lease_ends_by_the_clock_of_the_server(platform: Platform, ada: Call) -> None:
    ada("announceModelServer", **SAID)
    by(platform, "ada", 150_000)("renewModelServer", server_id=ID, ttl_ms=20_000)

    assert by(platform, "ben", 169_999)("listModelServers").model_servers
    later = by(platform, "ben", 170_000)
    assert not later("listModelServers").model_servers
    assert not later("getModelVersionLineage", name="m", version="1").lineage.served_by
    with pytest.raises(NotFound, match="lease"):
        later("getModelServer", server_id=ID)


def test_each_speaks_for_servers_of_their_own(platform: Platform, ada: Call) -> None:
    ada("announceModelServer", **SAID)
    ben = by(platform, "ben")

    for endpoint, said in (
        ("announceModelServer", SAID),
        ("renewModelServer", {"server_id": ID, "ttl_ms": 5_000}),
        ("withdrawModelServer", {"server_id": ID}),
    ):
        with pytest.raises(PermissionDenied, match="announced by 'ada'"):
            ben(endpoint, **said)
    entries = ada("listAuditEntries", kind="model_server").entries
    assert [one.outcome for one in entries if one.actor == "ben"] == ["refused"] * 3
    by(platform, "root", is_admin=True)("withdrawModelServer", server_id=ID)
    assert not ada("listModelServers").model_servers


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"server_id": "s-1"}, "32 hexadecimal digits"),
        ({"url": "javascript:alert(1)"}, "begins with http"),
        ({"url": "http://ada:secret@host"}, "holds no user"),
        ({"url": "http://host:port"}, "url of a model server"),
        ({"host": "a\x01b"}, "control"),
        ({"endpoint": "e" * 257}, "maximum length of 256"),
        ({"model_uri": "u" * 2049}, "maximum length of 2048"),
        ({"ttl_ms": 999}, "ttl_ms"),
        ({"ttl_ms": 3_600_001}, "ttl_ms"),
        ({"version": "01"}, "version"),
    ],
)
def test_what_a_server_may_not_say(ada: Call, said: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        ada("announceModelServer", **SAID | said)


def test_pages_are_bound_to_what_was_asked(ada: Call) -> None:
    for number in range(3):
        ada("announceModelServer", **SAID | {"server_id": f"s-{number:032x}"})

    page = ada("listModelServers", name="m", max_results=2)
    assert len(page.model_servers) == 2
    rest = ada("listModelServers", name="m", page_token=page.next_page_token)
    assert len(rest.model_servers) == 1
    with pytest.raises(InvalidArgument, match="page_token"):
        ada("listModelServers", page_token=page.next_page_token)
