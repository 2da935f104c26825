"""What serves which version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from millrace.core.entities.audit import NO_TRAIL

if TYPE_CHECKING:
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.model_server import ModelServer, ServersAsked
    from millrace.core.pages import Page, Position


class ModelServerStore(Protocol):
    """Model servers by the id that they gave themselves. A version that is deleted takes them
    along; a renamed model's go by its new name."""

    def announce_server(
        self, server: ModelServer, *, trail: Trail = NO_TRAIL
    ) -> Future[ModelServer]:
        """Record a server, in place of what was recorded under its id. NotFound: the version is not
        there."""
        ...

    def renew_server(self, server_id: str, until_ms: int) -> Future[None]:
        """Have its lease end at another time. NotFound."""
        ...

    def withdraw_server(self, server_id: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Forget a server. NotFound."""
        ...

    def expire_servers(self, now_ms: int) -> int:
        """Forget the servers whose lease has ended, and say so in the audit trail; how many. It
        costs a look where there are none."""
        ...

    def server(self, server_id: str) -> ModelServer | None:
        """The server of that id, as long as it is not forgotten."""
        ...

    def servers(
        self, asked: ServersAsked, *, limit: int, after: Position | None = None
    ) -> Page[ModelServer]:
        """Servers whose lease goes on, by the time that they began, then id."""
        ...
