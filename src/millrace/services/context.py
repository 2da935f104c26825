"""Who calls, when, and under which request id: passed to every handler, never ambient."""

from __future__ import annotations

import msgspec

from millrace.core.entities.access import ANONYMOUS, Actor
from millrace.core.entities.audit import NO_TRAIL, Act, Receipt, Trail


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The circumstances of one call. `at_ms`: when it came, milliseconds since the epoch."""

    actor: Actor = ANONYMOUS
    request_id: str = ""
    at_ms: int
    address: str | None = None
    idempotency_key: str | None = None
    request_digest: str | None = None

    def trail(
        self, action: str | None = None, *, reason: str | None = None, stated: str | None = None
    ) -> Trail:
        """The trail of a write in this call: with an *action* such as `experiment.rename` it is
        audited; the caller's idempotency key is in it, if any.

        *stated*: a user that the request itself names; counts when nobody else is known.
        """
        key = self.idempotency_key
        if action is None and key is None:
            return NO_TRAIL
        return Trail(
            receipt=None if key is None else self._receipt(key),
            act=None if action is None else self._act(action, reason, stated),
        )

    def refusal(self, action: str, reason: str) -> Trail:
        """The trail of what this call was not allowed to do."""
        act = msgspec.structs.replace(self._act(action, reason, None), outcome="refused")
        return Trail(act=act)

    def _receipt(self, key: str) -> Receipt:
        return Receipt(
            key=f"{self.actor.name}\0{key}", digest=self.request_digest or "", at_ms=self.at_ms
        )

    def _act(self, action: str, reason: str | None, stated: str | None) -> Act:
        actor = self.actor
        return Act(
            action=action,
            actor=stated if stated and actor is ANONYMOUS else actor.name,
            verified=actor.verified,
            request_id=self.request_id,
            address=self.address,
            at_ms=self.at_ms,
            reason=reason,
        )
