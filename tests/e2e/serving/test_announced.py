"""Model servers that tell the registry what they serve: until they end, however they end."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from millrace.client.client import MillraceClient
from millrace.core.entities.model_server import ModelServer
from millrace.core.errors import NotFound
from tests.e2e.client.servers import Server as Tracker
from tests.e2e.serving.conftest import Server, until

LEASE = "1.5"


def start(registry: Tracker, model: str, folder: Path, *options: str, lease: str = LEASE) -> Server:
    settings = {"MLFLOW_TRACKING_URI": registry.url, "MILLRACE_SERVED_LEASE_SECONDS": lease}
    return Server(model, folder, *options, **settings)


def serving(registry: Tracker, version: int | None = None, **asked: str) -> list[ModelServer]:
    client = MillraceClient(tracking_uri=registry.url)
    return list(client.list_model_servers("line", version, **asked))


def seen(registry: Tracker, version: int, since: int = 0) -> ModelServer:
    """What serves a version, once its lease goes on beyond *since*."""
    found: list[ModelServer] = []

    def look() -> list[ModelServer]:
        found[:] = [one for one in serving(registry, version) if one.lease_until_timestamp > since]
        return found

    until(look)
    return found[0]


def test_a_server_is_known_by_what_it_serves_until_it_is_stopped(
    registry: Tracker, tmp_path: Path
) -> None:
    server = start(registry, "models:/line@champion", tmp_path, "--name", "fast", lease="600")
    one = seen(registry, 1)

    assert (one.url, one.model_uri) == (server.url, "models:/line@champion")
    assert [it.version for it in serving(registry, endpoint="fast")] == ["1"]
    lineage = MillraceClient(tracking_uri=registry.url).get_model_version_lineage("line", 1)
    assert lineage.served_by == (one,)

    assert server.process.stop() == 0
    assert serving(registry, 1) == []


def test_a_server_outlives_the_registry_and_is_forgotten_when_it_is_killed(
    registry: Tracker, tmp_path: Path
) -> None:
    """While nobody answers it says so and goes on scoring; when the registry is back it tells it
    again; when it is killed its lease ends."""
    server = start(registry, "models:/line/Production", tmp_path)
    known = seen(registry, 2)

    registry.stop()
    until(lambda: "told later" in server.log.read_text())
    reply = server.ask("/invocations", {"dataframe_records": [{"a": 1, "b": 2}]})
    assert reply.status == 200

    registry.start()
    assert seen(registry, 2, known.lease_until_timestamp).server_id == known.server_id

    server.process.stop(signal.SIGKILL)
    until(lambda: not serving(registry, 2))
    with pytest.raises(NotFound, match="lease"):
        MillraceClient(tracking_uri=registry.url).get_model_server(known.server_id)
