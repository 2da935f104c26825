"""Model servers, and which versions they serve: requests, replies, endpoints."""

from __future__ import annotations

from typing import Final

from millrace.api.endpoint import (
    Endpoint,
    Id,
    Int64,
    Needs,
    Nothing,
    RegisteredModel,
    Reply,
    Request,
    Results,
    SignedIn,
    edits,
    reads,
)
from millrace.core.entities import model_server as entities
from millrace.core.entities.access import Permission


class AnnounceModelServer(Request, frozen=True, kw_only=True):
    """`server_id`: given by the server to itself, `s-` and 32 hexadecimal digits; announcing it
    again replaces what is known of it. `endpoint`: what it calls the model. `model_uri`: what it
    was told to serve. `ttl_ms`: it counts for so long, unless it is renewed. `up_ms`: for how long
    it has been ready."""

    server_id: Id
    name: Id
    version: Id
    endpoint: Id
    url: Id
    host: Id
    model_uri: str = ""
    ttl_ms: Int64
    up_ms: Int64 = 0


class RenewModelServer(Request, frozen=True, kw_only=True):
    server_id: Id
    ttl_ms: Int64


class ModelServerAt(Request, frozen=True, kw_only=True):
    server_id: Id


class ListModelServers(Request, frozen=True, kw_only=True):
    name: str | None = None
    version: str | None = None
    endpoint: str | None = None
    host: str | None = None
    max_results: Int64 | None = None
    page_token: str | None = None


class ModelServerReply(Reply, frozen=True, kw_only=True):
    model_server: entities.ModelServer


class ModelServersReply(Reply, frozen=True, kw_only=True):
    model_servers: tuple[entities.ModelServer, ...] = ()
    next_page_token: str | None = None


_GROUP: Final = "Model servers"
_READABLE: Final = reads(Results("registered models"))
# The service sees to it that each speaks for servers of his own only.
_OWN: Final = Needs(Permission.EDIT, SignedIn())

ROWS: Final[tuple[Endpoint, ...]] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="announceModelServer",
        group=_GROUP,
        method="POST",
        path="/millrace/model-servers",
        versions=("3.0",),
        request=AnnounceModelServer,
        response=ModelServerReply,
        needs=edits(RegisteredModel("name")),
        summary="Say that a model server serves a version, for a time that may be renewed.",
    ),
    Endpoint(
        name="renewModelServer",
        group=_GROUP,
        method="POST",
        path="/millrace/model-servers/{server_id}/renew",
        versions=("3.0",),
        request=RenewModelServer,
        response=Nothing,
        needs=_OWN,
        summary="Say that a model server is still there; 404 when it has to be announced again.",
    ),
    Endpoint(
        name="withdrawModelServer",
        group=_GROUP,
        method="DELETE",
        path="/millrace/model-servers/{server_id}",
        versions=("3.0",),
        request=ModelServerAt,
        response=Nothing,
        needs=_OWN,
        summary="Say that a model server no longer serves.",
    ),
    Endpoint(
        name="getModelServer",
        group=_GROUP,
        method="GET",
        path="/millrace/model-servers/{server_id}",
        versions=("3.0",),
        request=ModelServerAt,
        response=ModelServerReply,
        needs=_READABLE,
        summary="Get a model server by its id, with the version that it serves.",
    ),
    Endpoint(
        name="listModelServers",
        group=_GROUP,
        method="GET",
        path="/millrace/model-servers",
        versions=("3.0",),
        request=ListModelServers,
        response=ModelServersReply,
        needs=_READABLE,
        summary="List model servers: those of a model or version, of an endpoint, on a host.",
    ),
)
