"""Model servers: announced, renewed, withdrawn, forgotten when they are silent; found both ways."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from millrace.core.entities.model_server import ModelServer, ServersAsked
from millrace.core.entities.registry import NewVersion, RegisteredModel, RegisteredModelChange
from millrace.core.errors import NotFound
from millrace.stores.protocols import Stores
from tests.contract.build import act, audited

pytestmark = pytest.mark.needs("registry")

NAME = "risk"


@pytest.fixture(autouse=True)
def _has_versions(stores: Stores) -> None:
    """Three versions of a model, one of another."""
    for name, count in ((NAME, 3), ("other", 1)):
        made = RegisteredModel(name=name, creation_timestamp=1, last_updated_timestamp=1)
        stores.registry.add_registered_model(made).result()
        for _ in range(count):
            new = NewVersion(name=name, source="s3://b/m", location="s3://b/m", created_ms=1)
            stores.registry.add_version(new).result()


def server(number: int, **fields: Any) -> ModelServer:
    known = {"name": NAME, "version": "1", "endpoint": "risk", "host": "a", "user_id": "ada"}
    known |= {"url": f"http://a:{number}", "model_uri": "models:/risk@champion"}
    known |= {"started_timestamp": 100 - number, "lease_until_timestamp": 1_000}
    return ModelServer(server_id=f"s-{number}", is_verified=False, **known | fields)


def announce(stores: Stores, *servers: ModelServer) -> None:
    for one in servers:
        stores.model_servers.announce_server(one).result()


def found(stores: Stores, at_ms: int = 500, **asked: Any) -> list[str]:
    page = stores.model_servers.servers(ServersAsked(at_ms=at_ms, **asked), limit=10)
    assert page.next is None
    return [one.server_id for one in page.items]


def test_a_server_is_kept_as_it_is(stores: Stores) -> None:
    announce(stores, server(1))

    assert stores.model_servers.server("s-1") == server(1)
    assert stores.model_servers.server("s-2") is None
    with pytest.raises(NotFound, match="version=4"):
        announce(stores, server(2, version="4"))


def test_servers_are_found_by_version_and_versions_by_server(stores: Stores) -> None:
    announce(
        stores,
        server(1),
        server(2, version="2", endpoint="fast"),
        server(3, version="2", host="b"),
        server(4, name="other", host="b"),
    )

    assert found(stores) == ["s-4", "s-3", "s-2", "s-1"]
    assert found(stores, name=NAME) == ["s-3", "s-2", "s-1"]
    assert found(stores, name=NAME, version=2) == ["s-3", "s-2"]
    assert found(stores, name=NAME, version=3) == []
    assert found(stores, endpoint="fast") == ["s-2"]
    on_b = stores.model_servers.servers(ServersAsked(at_ms=500, host="b"), limit=10).items
    assert [(one.name, one.version) for one in on_b] == [("other", "1"), (NAME, "2")]


def test_servers_come_page_by_page(stores: Stores) -> None:
    announce(stores, *(server(number, started_timestamp=number // 2) for number in range(5)))

    seen: list[str] = []
    after = None
    while True:
        page = stores.model_servers.servers(ServersAsked(at_ms=500), limit=2, after=after)
        seen += [one.server_id for one in page.items]
        after = page.next
        if after is None:
            break

    assert seen == ["s-0", "s-1", "s-2", "s-3", "s-4"]


def test_a_lease_ends_unless_it_is_renewed(stores: Stores) -> None:
    announce(stores, server(1), server(2))
    stores.model_servers.renew_server("s-1", 2_000).result()

    assert found(stores, at_ms=999) == ["s-2", "s-1"]
    assert found(stores, at_ms=1_000) == ["s-1"]
    assert stores.model_servers.expire_servers(1_000) == 1
    assert stores.model_servers.expire_servers(1_000) == 0
    with pytest.raises(NotFound, match="lease"):
        stores.model_servers.renew_server("s-2", 9_000).result()
    assert found(stores, at_ms=1_999) == ["s-1"]


def test_one_that_is_announced_again_is_as_it_says_now(stores: Stores) -> None:
    announce(stores, server(1), server(1, version="2", endpoint="b", lease_until_timestamp=3_000))

    assert found(stores, at_ms=2_000, endpoint="b") == ["s-1"]
    assert found(stores, version=1) == []


def test_servers_go_with_their_version_and_by_the_name_of_their_model(stores: Stores) -> None:
    announce(stores, server(1), server(2, version="2"), server(3, name="other"))
    registry = stores.registry

    registry.change_registered_model(NAME, RegisteredModelChange(name="new")).result()
    registry.delete_version("new", 2, at_ms=5).result()
    registry.delete_registered_model("other").result()

    assert stores.model_servers.server("s-1") == replace(server(1), name="new")
    assert found(stores) == found(stores, name="new") == ["s-1"]
    for gone in ("s-2", "s-3"):
        with pytest.raises(NotFound):
            stores.model_servers.withdraw_server(gone).result()


def test_coming_and_going_is_audited_and_renewing_is_not(stores: Stores) -> None:
    servers = stores.model_servers
    servers.announce_server(server(1), trail=act("model_server.announce")).result()
    servers.announce_server(server(2), trail=act("model_server.announce")).result()
    servers.renew_server("s-1", 5_000).result()
    servers.withdraw_server("s-1", trail=act("model_server.withdraw")).result()
    servers.expire_servers(1_000)

    told = [
        (one.action, one.id, one.actor) for one in audited(stores) if one.kind == "model_server"
    ]
    assert told == [
        ("model_server.announce", "s-1", "ada"),
        ("model_server.announce", "s-2", "ada"),
        ("model_server.withdraw", "s-1", "ada"),
        ("model_server.expire", "s-2", "millrace"),
    ]
