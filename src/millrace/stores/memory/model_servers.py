"""Model servers beside the versions that they serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.pages import Page
from millrace.core.rules import model_servers as rules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.model_server import ModelServer, ServersAsked
    from millrace.core.pages import Position
    from millrace.stores.memory.ledger import Ledger
    from millrace.stores.memory.registry import MemoryRegistry, VersionRecord


class MemoryModelServers:
    """What serves the versions of one place."""

    def __init__(self, ledger: Ledger, registry: MemoryRegistry) -> None:
        self._ledger = ledger
        self._registry = registry

    def announce_server(
        self, server: ModelServer, *, trail: Trail = NO_TRAIL
    ) -> Future[ModelServer]:
        """Record a server."""

        def put() -> ModelServer:
            _, version = self._registry.version_record(server.name, int(server.version))
            before = self._found(server.server_id)
            if before is not None:
                del before[0].servers[server.server_id]
            version.servers[server.server_id] = server
            self._ledger.note(
                trail, "model_server", server.server_id,
                before=None if before is None else before[1].recorded(), after=server.recorded(),
            )  # fmt: skip
            return server

        return self._ledger.write(trail, put)

    def renew_server(self, server_id: str, until_ms: int) -> Future[None]:
        """Have its lease end at another time."""

        def renew() -> None:
            found = rules.there(server_id, self.server(server_id))
            version = self._registry.version_record(found.name, int(found.version))[1]
            version.servers[server_id] = replace(found, lease_until_timestamp=until_ms)

        return self._ledger.write(NO_TRAIL, renew)

    def withdraw_server(self, server_id: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Forget a server."""

        def forget() -> None:
            self._forget(rules.there(server_id, self.server(server_id)), trail)

        return self._ledger.write(trail, forget)

    def expire_servers(self, now_ms: int) -> int:
        """Forget the servers whose lease has ended."""
        trail = rules.expiry(now_ms)

        def forget() -> int:
            ended = [one for _, one in self._all() if one.lease_until_timestamp <= now_ms]
            for one in ended:
                self._forget(one, trail)
            return len(ended)

        return self._ledger.write(NO_TRAIL, forget).result()

    def _forget(self, server: ModelServer, trail: Trail) -> None:
        version = self._registry.version_record(server.name, int(server.version))[1]
        del version.servers[server.server_id]
        self._ledger.note(trail, "model_server", server.server_id, before=server.recorded())

    def server(self, server_id: str) -> ModelServer | None:
        """The server of that id."""
        with self._ledger.lock:
            found = self._found(server_id)
        return None if found is None else found[1]

    def servers(
        self, asked: ServersAsked, *, limit: int, after: Position | None = None
    ) -> Page[ModelServer]:
        """Servers whose lease goes on."""
        with self._ledger.lock:
            found = rules.chosen((one for _, one in self._all()), asked)
        keyed = [((one.started_timestamp, one.server_id), one) for one in found]
        left = [one for one in keyed if after is None or one[0] > after]
        more = left[limit - 1][0] if len(left) > limit else None
        return Page(tuple(one for _, one in left[:limit]), more)

    def _found(self, server_id: str) -> tuple[VersionRecord, ModelServer] | None:
        return next((one for one in self._all() if one[1].server_id == server_id), None)

    def _all(self) -> Iterator[tuple[VersionRecord, ModelServer]]:
        for (name, _), version in self._registry.everything():
            for one in version.servers.values():
                yield version, replace(one, name=name)
