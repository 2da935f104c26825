"""Webhooks and their deliveries in SQL. The outbox is filled by `outbox`, in other transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import and_, bindparam, delete, insert, or_, select, update

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.webhook import (
    DELIVERY_STATE_NUMBERS,
    Claim,
    Delivery,
    DeliveryState,
    Webhook,
    recorded,
)
from millrace.core.errors import NotFound
from millrace.core.pages import Page
from millrace.stores.sql import tables as t
from millrace.stores.sql.outbox import WAITING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from sqlalchemy import ColumnElement

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.webhook import WebhookChange
    from millrace.core.pages import Position
    from millrace.stores.sql.engine import Database, Row, Session
    from millrace.stores.sql.transaction import Transaction
    from millrace.stores.sql.writer import Writer

_STATES: dict[DeliveryState, int] = {
    name: number for number, name in DELIVERY_STATE_NUMBERS.items()
}

_w, _d = t.webhooks.c, t.deliveries.c
_BY_ID = select(_w.record, _w.secret).where(_w.id == bindparam("id"))
_DELIVERY = (
    _d.id, _d.webhook_id, _d.event, _d.state, _d.created_ms, _d.due_ms, _d.attempts,
    _d.response_status, _d.problem, _d.took_ms, _d.ended_ms,
)  # fmt: skip


class SqlWebhooks:
    """Webhooks in a database."""

    def __init__(self, database: Database, writer: Writer[Transaction]) -> None:
        self._database = database
        self._writer = writer

    # --- webhooks -------------------------------------------------------------------------------

    def add_webhook(
        self, webhook: Webhook, secret: bytes | None, *, trail: Trail = NO_TRAIL
    ) -> Future[Webhook]:
        """Record a webhook."""

        def add(tx: Transaction) -> Webhook:
            tx.session.connection.execute(
                insert(t.webhooks).values(
                    id=webhook.webhook_id,
                    created_ms=webhook.creation_timestamp,
                    is_active=int(webhook.status == "ACTIVE"),
                    record=msgspec.json.encode(webhook),
                    secret=secret,
                )
            )
            tx.outbox.forget_listeners()
            tx.note(trail, "webhook", webhook.webhook_id, after=recorded(webhook, secret))
            return webhook

        return self._writer.submit(lambda tx: tx.once(trail, Webhook, lambda: add(tx)))

    def webhook(self, webhook_id: str) -> Webhook | None:
        """The webhook of that id."""
        with self._database.reading() as session:
            held = _held(session, webhook_id)
        return None if held is None else held[0]

    def secret(self, webhook_id: str) -> bytes | None:
        """Its sealed secret."""
        with self._database.reading() as session:
            held = _held(session, webhook_id)
        return None if held is None else held[1]

    def webhooks(self, *, limit: int, after: Position | None) -> Page[Webhook]:
        """Webhooks by creation time descending then id."""
        statement = select(_w.record).order_by(_w.created_ms.desc(), _w.id).limit(limit + 1)
        if after is not None:
            created_ms = -int(after[0] or 0)
            later = and_(_w.created_ms == created_ms, _w.id > after[1])
            statement = statement.where(or_(_w.created_ms < created_ms, later))
        with self._database.reading() as session:
            found = [_webhook(row[0]) for row in session.select(statement)]
        page = tuple(found[:limit])
        more = len(found) > limit
        return Page(page, (-page[-1].creation_timestamp, page[-1].webhook_id) if more else None)

    def change_webhook(
        self, webhook_id: str, change: WebhookChange, *, trail: Trail = NO_TRAIL
    ) -> Future[Webhook]:
        """Change a webhook."""

        def alter(tx: Transaction) -> Webhook:
            webhook, old = _there(tx.session, webhook_id)
            changed, secret = change.applied_to(webhook), change.secret or old
            tx.session.connection.execute(
                update(t.webhooks)
                .where(_w.id == webhook_id)
                .values(
                    is_active=int(changed.status == "ACTIVE"),
                    record=msgspec.json.encode(changed),
                    secret=secret,
                )
            )
            tx.outbox.forget_listeners()
            before, after = recorded(webhook, old), recorded(changed, secret)
            tx.note(trail, "webhook", webhook_id, before=before, after=after)
            return changed

        return self._writer.submit(lambda tx: tx.once(trail, Webhook, lambda: alter(tx)))

    def delete_webhook(self, webhook_id: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a webhook, its secret and its deliveries."""

        def remove(tx: Transaction) -> None:
            before = recorded(*_there(tx.session, webhook_id))
            tx.session.connection.execute(delete(t.deliveries).where(_d.webhook_id == webhook_id))
            tx.session.connection.execute(delete(t.webhooks).where(_w.id == webhook_id))
            tx.outbox.forget_listeners()
            tx.note(trail, "webhook", webhook_id, before=before)

        return self._writer.submit(lambda tx: tx.once(trail, type(None), lambda: remove(tx)))

    # --- deliveries -----------------------------------------------------------------------------

    def deliveries(
        self, webhook_id: str, *, state: DeliveryState | None, limit: int, after: Position | None
    ) -> Page[Delivery]:
        """Deliveries by creation time then id, both descending."""
        statement = select(*_DELIVERY).where(_d.webhook_id == webhook_id)
        if state is not None:
            statement = statement.where(_d.state == _STATES[state])
        if after is not None:
            earlier = and_(_d.created_ms == after[0], _d.id < after[1])
            statement = statement.where(or_(_d.created_ms < after[0], earlier))
        statement = statement.order_by(_d.created_ms.desc(), _d.id.desc()).limit(limit + 1)
        with self._database.reading() as session:
            found = [_delivery(row) for row in session.select(statement)]
        page = tuple(found[:limit])
        more = len(found) > limit
        return Page(page, (page[-1].created_ms, page[-1].delivery_id) if more else None)

    def replay(
        self, webhook_id: str, delivery_id: str, now_ms: int, *, trail: Trail = NO_TRAIL
    ) -> Future[Delivery]:
        """Make a delivery due now, as if it had never been tried."""

        def again(tx: Transaction) -> Delivery:
            here = and_(_d.id == delivery_id, _d.webhook_id == webhook_id)
            rows = tx.session.select(select(*_DELIVERY).where(here))
            if not rows:
                raise NotFound(f"No delivery with id={delivery_id!r} to webhook {webhook_id!r}.")
            before = _delivery(rows[0])
            fresh = msgspec.structs.replace(
                before, state="WAITING", due_ms=now_ms, attempts=0, ended_ms=None,
                response_status=None, problem=None, took_ms=None,
            )  # fmt: skip
            changing = {**_changing(fresh), "lease_ms": 0}
            tx.session.connection.execute(update(t.deliveries).where(here).values(changing))
            tx.note(trail, "webhook_delivery", delivery_id, before=before, after=fresh)
            return fresh

        return self._writer.submit(lambda tx: tx.once(trail, Delivery, lambda: again(tx)))

    def is_due(self, now_ms: int) -> bool:
        """Whether a delivery waits to be made."""
        statement = (
            select(_d.id).join(t.webhooks, _w.id == _d.webhook_id).where(_is_due(now_ms)).limit(1)
        )
        with self._database.reading() as session:
            return bool(session.select(statement))

    def claim(
        self, now_ms: int, lease_ms: int, *, limit: int, without: Sequence[str] = ()
    ) -> Future[list[Claim]]:
        """Take the deliveries that are due until *lease_ms*. Nobody else writes meanwhile."""

        def take(tx: Transaction) -> list[Claim]:
            statement = (
                select(*_DELIVERY, _d.body, _w.record, _w.secret)
                .join(t.webhooks, _w.id == _d.webhook_id)
                .where(_is_due(now_ms), _d.webhook_id.not_in(list(without)))
                .order_by(_d.due_ms, _d.id)
                .limit(limit)
            )
            rows = tx.session.select(statement)
            if rows:
                tx.session.connection.execute(
                    update(t.deliveries)
                    .where(_d.id.in_([row[0] for row in rows]))
                    .values(lease_ms=lease_ms)
                )
            return [
                Claim(
                    delivery=_delivery(row),
                    webhook=_webhook(row[-2]),
                    body=bytes(row[-3]),
                    secret=None if row[-1] is None else bytes(row[-1]),
                    lease_ms=lease_ms,
                )
                for row in rows
            ]

        return self._writer.submit(take)

    def settle(self, claim: Claim, after: Delivery) -> Future[bool]:
        """Record what became of a claimed delivery."""

        def put(tx: Transaction) -> bool:
            ours = and_(_d.id == after.delivery_id, _d.lease_ms == claim.lease_ms)
            changed = tx.session.connection.execute(
                update(t.deliveries).where(ours).values({**_changing(after), "lease_ms": 0})
            )
            return bool(changed.rowcount)

        return self._writer.submit(put)

    def tidy_deliveries(self, before_ms: int, *, limit: int) -> Future[int]:
        """Forget deliveries that came to their end before."""

        def forget(tx: Transaction) -> int:
            rows = tx.session.select(select(_d.id).where(_d.ended_ms < before_ms).limit(limit))
            if rows:
                ended = [row[0] for row in rows]
                tx.session.connection.execute(delete(t.deliveries).where(_d.id.in_(ended)))
            return len(rows)

        return self._writer.submit(forget)


def _is_due(now_ms: int) -> ColumnElement[bool]:
    return and_(_d.state == WAITING, _d.due_ms <= now_ms, _d.lease_ms <= now_ms, _w.is_active == 1)


def _changing(delivery: Delivery) -> dict[str, Any]:
    return {
        "state": _STATES[delivery.state],
        "due_ms": delivery.due_ms,
        "attempts": delivery.attempts,
        "response_status": delivery.response_status,
        "problem": delivery.problem,
        "took_ms": delivery.took_ms,
        "ended_ms": delivery.ended_ms,
    }


def _delivery(row: Row) -> Delivery:
    return Delivery(
        delivery_id=row[0],
        webhook_id=row[1],
        event=row[2],
        state=DELIVERY_STATE_NUMBERS[row[3]],
        created_ms=row[4],
        due_ms=row[5],
        attempts=row[6],
        response_status=row[7],
        problem=row[8],
        took_ms=row[9],
        ended_ms=row[10],
    )


def _webhook(record: bytes) -> Webhook:
    return msgspec.json.decode(record, type=Webhook)


def _held(session: Session, webhook_id: str) -> tuple[Webhook, bytes | None] | None:
    rows = session.select(_BY_ID, id=webhook_id)
    if not rows:
        return None
    record, secret = rows[0]
    return _webhook(record), None if secret is None else bytes(secret)


def _there(session: Session, webhook_id: str) -> tuple[Webhook, bytes | None]:
    held = _held(session, webhook_id)
    if held is None:
        raise NotFound(f"No webhook with id={webhook_id!r}.")
    return held
