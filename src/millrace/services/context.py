"""Who calls, when, and under which request id: passed to every handler, never ambient."""

from __future__ import annotations

import msgspec

from millrace.core.entities.access import ANONYMOUS, Actor
from millrace.core.entities.audit import NO_TRAIL, Receipt, Trail


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The circumstances of one call. `at_ms`: when it came, milliseconds since the epoch."""

    actor: Actor = ANONYMOUS
    request_id: str = ""
    at_ms: int
    address: str | None = None
    idempotency_key: str | None = None
    request_digest: str | None = None

    def trail(self) -> Trail:
        """The trail of a write in this call; with the caller's idempotency key, if any."""
        if self.idempotency_key is None:
            return NO_TRAIL
        key = f"{self.actor.name}\0{self.idempotency_key}"
        return Trail(receipt=Receipt(key=key, digest=self.request_digest or "", at_ms=self.at_ms))
