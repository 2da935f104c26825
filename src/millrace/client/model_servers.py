"""Verbs for model servers: which serve what, and saying so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millrace.api.endpoint import Nothing
from millrace.api.model_servers import (
    AnnounceModelServer,
    ListModelServers,
    ModelServerAt,
    ModelServerReply,
    ModelServersReply,
    RenewModelServer,
)
from millrace.client.registry import RegistryVerbs
from millrace.client.verbs import PagedList

if TYPE_CHECKING:
    from millrace.core.entities.model_server import ModelServer
    from millrace.http.patience import Patience


class ModelServerVerbs(RegistryVerbs):
    """Find out what serves a version, or which versions a server has; announce a server."""

    def list_model_servers(  # noqa: PLR0913 - each leaves some out
        self,
        name: str | None = None,
        version: str | int | None = None,
        *,
        endpoint: str | None = None,
        host: str | None = None,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> PagedList[ModelServer]:
        """The servers of a model or a version, of an endpoint, or on a host, each with the version
        that it serves; the one that began first at the front."""
        request = ListModelServers(
            name=name,
            version=None if version is None else str(version),
            endpoint=endpoint,
            host=host,
            max_results=max_results,
            page_token=page_token,
        )
        reply = self._ask("listModelServers", request, ModelServersReply)
        return PagedList(reply.model_servers, reply.next_page_token)

    def get_model_server(self, server_id: str) -> ModelServer:
        """A server by its id; `NotFound` when its lease has ended."""
        request = ModelServerAt(server_id=server_id)
        return self._ask("getModelServer", request, ModelServerReply).model_server

    def announce_model_server(
        self, server: AnnounceModelServer, *, patience: Patience | None = None
    ) -> ModelServer:
        """Say that a server serves a version; `NotFound` when there is no such version."""
        return self._ask("announceModelServer", server, ModelServerReply, patience).model_server

    def renew_model_server(
        self, server_id: str, lease_s: float, *, patience: Patience | None = None
    ) -> None:
        """Say that it is still there; `NotFound` when it has to be announced again."""
        request = RenewModelServer(server_id=server_id, ttl_ms=int(lease_s * 1000))
        self._ask("renewModelServer", request, Nothing, patience)

    def withdraw_model_server(self, server_id: str, *, patience: Patience | None = None) -> None:
        """Say that it serves no longer."""
        self._ask("withdrawModelServer", ModelServerAt(server_id=server_id), Nothing, patience)
