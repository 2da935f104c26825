"""What is written of a change in the transaction that makes it."""

from __future__ import annotations

from millrace.core.entities.entity import Entity


class Receipt(Entity, frozen=True, kw_only=True):
    """An `Idempotency-Key` as the store keeps it: whose key, and a digest of the request.

    `key` is already bound to the actor and endpoint; `digest` tells a replay from a re-used key.
    """

    key: str
    digest: str
    at_ms: int


class Trail(Entity, frozen=True, kw_only=True):
    """What the store writes beside a change, in the same transaction."""

    receipt: Receipt | None = None


NO_TRAIL = Trail()
