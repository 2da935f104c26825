"""Model servers: they say which version they serve, and go on saying so; who is silent is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from millrace.api.endpoint import Nothing
from millrace.api.model_servers import ModelServerReply, ModelServersReply
from millrace.core.entities.model_server import ModelServer, ServersAsked
from millrace.core.errors import PermissionDenied
from millrace.core.rules import limits, registry, searching
from millrace.core.rules import model_servers as rules
from millrace.services.later import then

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from millrace.api.model_servers import (
        AnnounceModelServer,
        ListModelServers,
        ModelServerAt,
        RenewModelServer,
    )
    from millrace.core.entities.audit import Trail
    from millrace.core.pages import Tokens
    from millrace.services.context import Context
    from millrace.stores.protocols import ModelServerStore

_NOTHING: Final = Nothing()


class ModelServers:
    """Who serves what. *refused* audits an attempt that was not allowed."""

    def __init__(
        self,
        store: ModelServerStore,
        tokens: Tokens,
        *,
        refused: Callable[[Trail, str, str], Future[None]],
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._refused = refused

    def announce(self, ctx: Context, request: AnnounceModelServer) -> Future[ModelServerReply]:
        """Record a server."""
        action = "model_server.announce"
        server = ModelServer(
            server_id=rules.server_id(request.server_id),
            name=request.name,
            version=str(registry.version_number(request.version)),
            endpoint=rules.text(request.endpoint, "endpoint"),
            url=rules.url(request.url),
            host=rules.text(request.host, "host"),
            model_uri=rules.model_uri(request.model_uri),
            user_id=ctx.actor.name,
            is_verified=ctx.actor.verified,
            started_timestamp=ctx.at_ms - min(max(request.up_ms, 0), ctx.at_ms),
            lease_until_timestamp=ctx.at_ms + rules.lease_ms(request.ttl_ms),
        )
        held = self._store.server(server.server_id)
        if held is not None:
            self._check_own(ctx, action, held)
        made = self._store.announce_server(server, trail=ctx.trail(action))
        return then(made, lambda one: ModelServerReply(model_server=one))

    def renew(self, ctx: Context, request: RenewModelServer) -> Future[Nothing]:
        """Have its lease end later."""
        until = ctx.at_ms + rules.lease_ms(request.ttl_ms)
        held = rules.there(request.server_id, self._store.server(request.server_id))
        self._check_own(ctx, "model_server.renew", held)
        return then(self._store.renew_server(held.server_id, until), lambda _: _NOTHING)

    def withdraw(self, ctx: Context, request: ModelServerAt) -> Future[Nothing]:
        """Forget a server."""
        action = "model_server.withdraw"
        held = rules.there(request.server_id, self._store.server(request.server_id))
        self._check_own(ctx, action, held, or_admin=True)
        gone = self._store.withdraw_server(held.server_id, trail=ctx.trail(action))
        return then(gone, lambda _: _NOTHING)

    def _check_own(
        self, ctx: Context, action: str, held: ModelServer, *, or_admin: bool = False
    ) -> None:
        if held.user_id == ctx.actor.name or (or_admin and ctx.actor.is_admin):
            return
        refusal = PermissionDenied(
            f"Model server {held.server_id} was announced by {held.user_id!r}, not by you."
        )
        trail = ctx.refusal(action, refusal.message)
        self._refused(trail, "model_server", held.server_id).result()
        raise refusal

    def get(self, ctx: Context, request: ModelServerAt) -> ModelServerReply:
        """A server whose lease goes on."""
        found = self._store.server(request.server_id)
        if found is not None and found.lease_until_timestamp <= ctx.at_ms:
            found = None
        return ModelServerReply(model_server=rules.there(request.server_id, found))

    def list(self, ctx: Context, request: ListModelServers) -> ModelServersReply:
        """Servers whose lease goes on."""
        asked = ServersAsked(
            at_ms=ctx.at_ms,
            name=request.name or None,
            version=registry.version_number(request.version) if request.version else None,
            endpoint=request.endpoint or None,
            host=request.host or None,
        )
        bound = ["model servers", asked.name, asked.version, asked.endpoint, asked.host]
        page = self._store.servers(
            asked,
            limit=searching.limit(
                request.max_results, default=limits.SERVERS_DEFAULT, most=limits.SERVERS
            ),
            after=self._tokens.read(request.page_token, bound),
        )
        return ModelServersReply(
            model_servers=page.items, next_page_token=self._tokens.write(page.next, bound)
        )
