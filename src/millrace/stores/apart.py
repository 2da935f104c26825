"""Webhooks where registered models have a database of their own: one store over two.

An event is told from the database in which it happened, so that it cannot be lost between the two.
A webhook is kept where its events happen: in one of them, or under the same id in both.
"""

from __future__ import annotations

from concurrent.futures import Future
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec.structs import replace

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.errors import NotFound
from millrace.core.pages import Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.webhook import (
        Claim,
        Delivery,
        DeliveryState,
        Webhook,
        WebhookChange,
        WebhookEvent,
    )
    from millrace.core.pages import Position
    from millrace.stores.protocols import WebhookStore

T = TypeVar("T")

_OF_RUNS: Final = frozenset({"experiment", "run"})


class WebhooksApart:
    """`WebhookStore` over the one of *runs* and the one of *models*."""

    def __init__(self, runs: WebhookStore, models: WebhookStore) -> None:
        self._runs = runs
        self._models = models
        self._both = (models, runs)

    # --- webhooks -------------------------------------------------------------------------------

    def add_webhook(
        self, webhook: Webhook, secret: bytes | None, *, trail: Trail = NO_TRAIL
    ) -> Future[Webhook]:
        """Record a webhook."""
        for store in self._homes(webhook.events):
            store.add_webhook(webhook, secret, trail=trail).result()
        return _done(webhook)

    def webhook(self, webhook_id: str) -> Webhook | None:
        """The webhook of that id."""
        return next((one for _, one in self._held(webhook_id)), None)

    def secret(self, webhook_id: str) -> bytes | None:
        """Its sealed secret."""
        return next((store.secret(webhook_id) for store, _ in self._held(webhook_id)), None)

    def webhooks(self, *, limit: int, after: Position | None) -> Page[Webhook]:
        """Webhooks by creation time descending then id."""
        found = {
            one.webhook_id: one
            for store in self._both
            for one in store.webhooks(limit=limit + 1, after=after).items
        }

        def position(one: Webhook) -> tuple[int, str]:
            return -one.creation_timestamp, one.webhook_id

        return _page(sorted(found.values(), key=position), limit, position)

    def change_webhook(
        self, webhook_id: str, change: WebhookChange, *, trail: Trail = NO_TRAIL
    ) -> Future[Webhook]:
        """Change a webhook, and keep it where its events happen then."""
        held = self._held(webhook_id)
        if not held:
            raise _no_webhook(webhook_id)
        changed = change.applied_to(held[0][1])
        secret = change.secret or held[0][0].secret(webhook_id)
        homes, holders = self._homes(changed.events), [store for store, _ in held]
        # First where it is new: what a crash leaves half done is told from one place too many.
        for store in homes:
            if store in holders:
                whole = replace(change, events=changed.events)
                store.change_webhook(webhook_id, whole, trail=trail).result()
            else:
                store.add_webhook(changed, secret, trail=trail).result()
        for store in holders:
            if store not in homes:
                store.delete_webhook(webhook_id, trail=trail).result()
        return _done(changed)

    def delete_webhook(self, webhook_id: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a webhook, its secret and its deliveries."""
        held = self._held(webhook_id)
        if not held:
            raise _no_webhook(webhook_id)
        for store, _ in held:
            store.delete_webhook(webhook_id, trail=trail).result()
        return _done(None)

    def _homes(self, events: Iterable[WebhookEvent]) -> list[WebhookStore]:
        kinds = {one.name.partition(".")[0] for one in events}
        homes = [(self._models, kinds - _OF_RUNS), (self._runs, kinds & _OF_RUNS)]
        return [store for store, concerned in homes if concerned]

    def _held(self, webhook_id: str) -> list[tuple[WebhookStore, Webhook]]:
        found = ((store, store.webhook(webhook_id)) for store in self._both)
        return [(store, one) for store, one in found if one is not None]

    # --- deliveries -----------------------------------------------------------------------------

    def deliveries(
        self, webhook_id: str, *, state: DeliveryState | None, limit: int, after: Position | None
    ) -> Page[Delivery]:
        """Deliveries by creation time then id, both descending."""
        found = [
            one
            for store, _ in self._held(webhook_id)
            for one in store.deliveries(webhook_id, state=state, limit=limit + 1, after=after).items
        ]

        def position(one: Delivery) -> tuple[int, str]:
            return one.created_ms, one.delivery_id

        return _page(sorted(found, key=position, reverse=True), limit, position)

    def replay(
        self, webhook_id: str, delivery_id: str, now_ms: int, *, trail: Trail = NO_TRAIL
    ) -> Future[Delivery]:
        """Make a delivery due now, as if it had never been tried."""
        for store, _ in self._held(webhook_id):
            try:
                return _done(store.replay(webhook_id, delivery_id, now_ms, trail=trail).result())
            except NotFound:
                continue
        raise NotFound(f"No delivery with id={delivery_id!r} to webhook {webhook_id!r}.")

    def is_due(self, now_ms: int) -> bool:
        """Whether a delivery to an active webhook waits to be made."""
        return any(store.is_due(now_ms) for store in self._both)

    def claim(
        self, now_ms: int, lease_ms: int, *, limit: int, without: Sequence[str] = ()
    ) -> Future[list[Claim]]:
        """Take the deliveries that are due: of both in turns, so that neither waits for long."""
        first, second = self._both if now_ms % 2 else self._both[::-1]
        taken: list[Claim] = []
        for store in (first, second):
            left = limit - len(taken)
            if left > 0 and store.is_due(now_ms):
                taken += store.claim(now_ms, lease_ms, limit=left, without=without).result()
        return _done(taken)

    def settle(self, claim: Claim, after: Delivery) -> Future[bool]:
        """Record what became of a claimed delivery, where it is."""
        held = self._held(claim.webhook.webhook_id)
        return _done(any(store.settle(claim, after).result() for store, _ in held))

    def tidy_deliveries(self, before_ms: int, *, limit: int) -> Future[int]:
        """Forget deliveries that came to their end before."""
        counts = (store.tidy_deliveries(before_ms, limit=limit).result() for store in self._both)
        return _done(sum(counts))


def _done(value: T) -> Future[T]:
    future: Future[T] = Future()
    future.set_result(value)
    return future


def _page(found: Iterable[T], limit: int, position: Callable[[T], Position]) -> Page[T]:
    items = tuple(islice(found, limit + 1))
    shown = items[:limit]
    return Page(shown, position(shown[-1]) if len(items) > limit else None)


def _no_webhook(webhook_id: str) -> NotFound:
    return NotFound(f"No webhook with id={webhook_id!r}.")
