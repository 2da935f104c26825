"""Webhooks and their deliveries in dictionaries that the ledger holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.webhook import Claim, recorded
from millrace.core.errors import NotFound
from millrace.core.pages import Page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.webhook import (
        Delivery,
        DeliveryState,
        Webhook,
        WebhookChange,
    )
    from millrace.core.pages import Position
    from millrace.stores.memory.ledger import Ledger


class MemoryWebhooks:
    """The webhooks of one place; the ledger keeps them beside the outbox that it fills."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._leases: dict[str, int] = {}

    def add_webhook(
        self, webhook: Webhook, secret: bytes | None, *, trail: Trail = NO_TRAIL
    ) -> Future[Webhook]:
        """Record a webhook."""
        return self._ledger.write(trail, lambda: self._add(webhook, secret, trail))

    def _add(self, webhook: Webhook, secret: bytes | None, trail: Trail) -> Webhook:
        self._ledger.webhooks[webhook.webhook_id] = (webhook, secret)
        after = recorded(webhook, secret)
        self._ledger.note(trail, "webhook", webhook.webhook_id, after=after)
        return webhook

    def _held(self, webhook_id: str) -> tuple[Webhook, bytes | None]:
        held = self._ledger.webhooks.get(webhook_id)
        if held is None:
            raise NotFound(f"No webhook with id={webhook_id!r}.")
        return held

    def webhook(self, webhook_id: str) -> Webhook | None:
        """The webhook of that id."""
        with self._ledger.lock:
            held = self._ledger.webhooks.get(webhook_id)
            return None if held is None else held[0]

    def secret(self, webhook_id: str) -> bytes | None:
        """Its sealed secret."""
        with self._ledger.lock:
            held = self._ledger.webhooks.get(webhook_id)
            return None if held is None else held[1]

    def webhooks(self, *, limit: int, after: Position | None) -> Page[Webhook]:
        """Webhooks by creation time descending then id."""
        with self._ledger.lock:
            held = [webhook for webhook, _ in self._ledger.webhooks.values()]
        held.sort(key=_webhook_place)
        rest = [one for one in held if after is None or _webhook_place(one) > after]
        page = tuple(rest[:limit])
        return Page(page, _webhook_place(page[-1]) if len(page) < len(rest) else None)

    def change_webhook(
        self, webhook_id: str, change: WebhookChange, *, trail: Trail = NO_TRAIL
    ) -> Future[Webhook]:
        """Change a webhook."""
        return self._ledger.write(trail, lambda: self._change(webhook_id, change, trail))

    def _change(self, webhook_id: str, change: WebhookChange, trail: Trail) -> Webhook:
        webhook, old = self._held(webhook_id)
        changed, secret = change.applied_to(webhook), change.secret or old
        self._ledger.webhooks[webhook_id] = (changed, secret)
        before, after = recorded(webhook, old), recorded(changed, secret)
        self._ledger.note(trail, "webhook", webhook_id, before=before, after=after)
        return changed

    def delete_webhook(self, webhook_id: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a webhook, its secret and its deliveries."""
        return self._ledger.write(trail, lambda: self._delete(webhook_id, trail))

    def _delete(self, webhook_id: str, trail: Trail) -> None:
        before = recorded(*self._held(webhook_id))
        del self._ledger.webhooks[webhook_id]
        deliveries = self._ledger.deliveries
        for delivery, _ in list(deliveries.values()):
            if delivery.webhook_id == webhook_id:
                del deliveries[delivery.delivery_id]
        self._ledger.note(trail, "webhook", webhook_id, before=before)

    def deliveries(
        self, webhook_id: str, *, state: DeliveryState | None, limit: int, after: Position | None
    ) -> Page[Delivery]:
        """Deliveries by creation time then id, both descending."""
        with self._ledger.lock:
            held = [delivery for delivery, _ in self._ledger.deliveries.values()]
        wanted = [
            one for one in held if one.webhook_id == webhook_id and state in {None, one.state}
        ]
        wanted.sort(key=_delivery_place, reverse=True)
        rest = [one for one in wanted if after is None or _delivery_place(one) < after]
        page = tuple(rest[:limit])
        return Page(page, _delivery_place(page[-1]) if len(page) < len(rest) else None)

    def replay(
        self, webhook_id: str, delivery_id: str, now_ms: int, *, trail: Trail = NO_TRAIL
    ) -> Future[Delivery]:
        """Make a delivery due now, as if it had never been tried."""
        return self._ledger.write(
            trail, lambda: self._replay(webhook_id, delivery_id, now_ms, trail)
        )

    def _replay(self, webhook_id: str, delivery_id: str, now_ms: int, trail: Trail) -> Delivery:
        held = self._ledger.deliveries.get(delivery_id)
        if held is None or held[0].webhook_id != webhook_id:
            raise NotFound(f"No delivery with id={delivery_id!r} to webhook {webhook_id!r}.")
        fresh = replace(
            held[0], state="WAITING", due_ms=now_ms, attempts=0, ended_ms=None,
            response_status=None, problem=None, took_ms=None,
        )  # fmt: skip
        self._ledger.deliveries[delivery_id] = (fresh, held[1])
        self._leases.pop(delivery_id, None)
        self._ledger.note(trail, "webhook_delivery", delivery_id, before=held[0], after=fresh)
        return fresh

    def _due(self, now_ms: int, without: Sequence[str] = ()) -> list[Delivery]:
        found = [
            delivery
            for delivery, _ in self._ledger.deliveries.values()
            if delivery.state == "WAITING"
            and delivery.due_ms <= now_ms
            and self._leases.get(delivery.delivery_id, 0) <= now_ms
            and delivery.webhook_id not in without
            and self._ledger.webhooks[delivery.webhook_id][0].status == "ACTIVE"
        ]
        return sorted(found, key=lambda one: (one.due_ms, one.delivery_id))

    def is_due(self, now_ms: int) -> bool:
        """Whether a delivery waits to be made."""
        with self._ledger.lock:
            return bool(self._due(now_ms))

    def claim(
        self, now_ms: int, lease_ms: int, *, limit: int, without: Sequence[str] = ()
    ) -> Future[list[Claim]]:
        """Take the deliveries that are due until *lease_ms*."""
        return self._ledger.write(
            NO_TRAIL, lambda: self._claim(now_ms, lease_ms, limit, frozenset(without))
        )

    def _claim(
        self, now_ms: int, lease_ms: int, limit: int, without: frozenset[str]
    ) -> list[Claim]:
        claims = []
        for delivery in self._due(now_ms, tuple(without))[:limit]:
            self._leases[delivery.delivery_id] = lease_ms
            webhook, secret = self._ledger.webhooks[delivery.webhook_id]
            _, body = self._ledger.deliveries[delivery.delivery_id]
            claims.append(
                Claim(
                    delivery=delivery,
                    webhook=webhook,
                    body=body,
                    secret=secret,
                    lease_ms=lease_ms,
                )
            )
        return claims

    def settle(self, claim: Claim, after: Delivery) -> Future[bool]:
        """Record what became of a claimed delivery."""
        return self._ledger.write(NO_TRAIL, lambda: self._settle(claim, after))

    def _settle(self, claim: Claim, after: Delivery) -> bool:
        delivery_id = claim.delivery.delivery_id
        if self._leases.get(delivery_id) != claim.lease_ms:
            return False
        del self._leases[delivery_id]
        if delivery_id not in self._ledger.deliveries:
            return False
        self._ledger.deliveries[delivery_id] = (after, claim.body)
        return True

    def tidy_deliveries(self, before_ms: int, *, limit: int) -> Future[int]:
        """Forget deliveries that came to their end before."""
        return self._ledger.write(NO_TRAIL, lambda: self._tidy(before_ms, limit))

    def _tidy(self, before_ms: int, limit: int) -> int:
        ended = [
            delivery.delivery_id
            for delivery, _ in self._ledger.deliveries.values()
            if delivery.ended_ms is not None and delivery.ended_ms < before_ms
        ][:limit]
        for delivery_id in ended:
            del self._ledger.deliveries[delivery_id]
        return len(ended)


def _webhook_place(webhook: Webhook) -> Position:
    return (-webhook.creation_timestamp, webhook.webhook_id)


def _delivery_place(delivery: Delivery) -> Position:
    return (delivery.created_ms, delivery.delivery_id)
