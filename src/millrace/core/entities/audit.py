"""What is written of a change in the transaction that makes it: receipts, audit entries, heads."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from millrace.core.entities.entity import Entity

Outcome = Literal["done", "refused"]


class Receipt(Entity, frozen=True, kw_only=True):
    """An `Idempotency-Key` as the store keeps it: whose key, and a digest of the request.

    `key` is already bound to the actor and endpoint; `digest` tells a replay from a re-used key.
    """

    key: str
    digest: str
    at_ms: int


class Act(Entity, frozen=True, kw_only=True):
    """Who does what in a call, and where from. `verified`: the name was proved, not just stated."""

    action: str
    actor: str
    verified: bool = False
    request_id: str = ""
    address: str | None = None
    at_ms: int
    outcome: Outcome = "done"
    reason: str | None = None


class Trail(Entity, frozen=True, kw_only=True):
    """What the store writes beside a change, in the same transaction.

    With an `act` the change is audited; without one it leaves no entry.
    """

    receipt: Receipt | None = None
    act: Act | None = None


NO_TRAIL = Trail()


class AuditEntry(Entity, frozen=True, kw_only=True):
    """One change of state, or one that was refused, as the audit trail tells it.

    `kind` and `id` name the object; `before` and `after` are digests of what was recorded of it;
    `changes` holds for each field that differs its value before and after (`core.chain.flat`).
    """

    seq: int
    at_ms: int
    actor: str
    verified: bool = False
    request_id: str = ""
    address: str | None = None
    action: str
    outcome: Outcome = "done"
    kind: str
    id: str
    before: str | None = None
    after: str | None = None
    changes: dict[str, tuple[Any, Any]] = msgspec.field(default_factory=dict)
    reason: str | None = None


class Link(Entity, frozen=True, kw_only=True):
    """An entry in the chain: its text, byte for byte, and the hash that joins it to the one before.

    `found_by` is what a store looks it up by: (time, actor, action, kind, id, request id), so that
    a look-up that lies about the text shows. None where there is nothing beside the text.
    """

    seq: int
    text: bytes
    hash: bytes
    found_by: tuple[int, str, str, str, str, str] | None = None


class PublicKey(Entity, frozen=True, kw_only=True):
    """A key that heads are signed with: 32 bytes in hexadecimal; its id is their SHA-256."""

    key_id: str
    public_key: str


class SignedHead(Entity, frozen=True, kw_only=True):
    """The end of the chain at some time, signed: no entry up to `seq` can change unnoticed."""

    seq: int
    hash: str
    at_ms: int
    key_id: str
    signature: str


class AuditQuery(Entity, frozen=True, kw_only=True):
    """Which entries to list; None for any. Times include `since_ms` and exclude `until_ms`."""

    actor: str | None = None
    action: str | None = None
    kind: str | None = None
    id: str | None = None
    request_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
