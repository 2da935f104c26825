"""The audit trail: requests, replies, endpoints. Read only.

`registry`: the trail of the database of registered models, where they have one of their own.
"""

from __future__ import annotations

from millrace.api.endpoint import Admin, Endpoint, Int64, Needs, Reply, Request, Time
from millrace.core.entities.access import Permission
from millrace.core.entities.audit import AuditEntry, PublicKey, SignedHead


class ListAuditEntries(Request, frozen=True, kw_only=True):
    actor: str | None = None
    action: str | None = None
    kind: str | None = None
    id: str | None = None
    request_id: str | None = None
    since_ms: Time | None = None
    until_ms: Time | None = None
    max_results: Int64 | None = None
    page_token: str | None = None
    registry: bool | None = None


class AuditEntriesReply(Reply, frozen=True, kw_only=True):
    entries: tuple[AuditEntry, ...] = ()
    next_page_token: str | None = None


class GetAuditEntry(Request, frozen=True, kw_only=True):
    seq: Int64
    registry: bool | None = None


class AuditEntryReply(Reply, frozen=True, kw_only=True):
    entry: AuditEntry
    text: str
    hash: str


class GetAuditChain(Request, frozen=True, kw_only=True):
    after: Int64 | None = None
    max_results: Int64 | None = None
    registry: bool | None = None


class ChainedEntry(Reply, frozen=True, kw_only=True):
    seq: int
    text: str
    hash: str


class AuditChainReply(Reply, frozen=True, kw_only=True):
    entries: tuple[ChainedEntry, ...] = ()
    heads: tuple[SignedHead, ...] = ()
    keys: tuple[PublicKey, ...] = ()


_ADMIN = Needs(Permission.READ, Admin())
_GROUP = "Audit trail"

ROWS: tuple[Endpoint, ...] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="listAuditEntries",
        group=_GROUP,
        method="GET",
        path="/millrace/audit/entries",
        request=ListAuditEntries,
        response=AuditEntriesReply,
        needs=_ADMIN,
        summary="List audit entries, the newest first.",
    ),
    Endpoint(
        name="getAuditEntry",
        group=_GROUP,
        method="GET",
        path="/millrace/audit/entries/{seq}",
        request=GetAuditEntry,
        response=AuditEntryReply,
        needs=_ADMIN,
        summary="Get one audit entry, with the text that its hash is made over.",
    ),
    Endpoint(
        name="getAuditChain",
        group=_GROUP,
        method="GET",
        path="/millrace/audit/chain",
        request=GetAuditChain,
        response=AuditChainReply,
        needs=_ADMIN,
        summary="Read a stretch of the audit chain with its signed heads, to verify it elsewhere.",
    ),
)
