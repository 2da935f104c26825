"""The outbox of webhooks as the writer fills it: rows committed with what they tell of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import select

from millrace.core import clock, ids
from millrace.core.entities.webhook import Webhook
from millrace.core.rules import webhooks as rules
from millrace.stores.sql import tables as t

if TYPE_CHECKING:
    from millrace.core.chain import Recorded
    from millrace.core.entities.audit import Trail
    from millrace.stores.sql.engine import Session
    from millrace.stores.sql.statements import Statements

WAITING, DELIVERED, FAILED = 0, 1, 2

_ACTIVE = select(t.webhooks.c.record).where(t.webhooks.c.is_active == 1)


class Outbox:
    """Who listens to what, remembered while nobody else writes, and deliveries not yet written."""

    def __init__(self, session: Session, statements: Statements) -> None:
        self._session = session
        self._statements = statements
        self._listeners: dict[str, list[str]] | None = None
        self._rows: list[tuple[object, ...]] = []

    def put(self, trail: Trail, event: str, payload: Recorded) -> None:
        """A delivery for each active webhook that listens to *event*."""
        if self._listeners is None:
            self._listeners = self._found()
        listeners = self._listeners.get(event)
        if listeners:
            at_ms = clock.now_ms() if trail.act is None else trail.act.at_ms
            body = rules.message(event, at_ms, payload)
            for webhook in listeners:
                self._rows.append((*_fresh(webhook, event, body, at_ms),))

    def flush(self) -> None:
        """Write the deliveries that wait."""
        if self._rows:
            self._session.many(self._statements.insert_delivery, self._rows)
            self._rows.clear()

    def forget_listeners(self) -> None:
        """A webhook has changed."""
        self._listeners = None

    def forget(self) -> None:
        """Another process may have written, or something was undone."""
        self._listeners = None
        self._rows.clear()

    def _found(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for (record,) in self._session.select(_ACTIVE):
            webhook = msgspec.json.decode(record, type=Webhook)
            for event in webhook.events:
                found.setdefault(event.name, []).append(webhook.webhook_id)
        return found


def _fresh(webhook: str, event: str, body: bytes, at_ms: int) -> tuple[object, ...]:
    """A row of `deliveries` that is due at once."""
    return (
        ids.delivery_id(), webhook, event, body, at_ms, WAITING, at_ms, 0, 0,
        None, None, None, None,
    )  # fmt: skip
