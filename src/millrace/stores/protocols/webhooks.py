"""Webhooks, and the outbox that changes are told from. Secrets are sealed by the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from millrace.core.entities.audit import NO_TRAIL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.webhook import (
        Claim,
        Delivery,
        DeliveryState,
        Webhook,
        WebhookChange,
    )
    from millrace.core.pages import Page, Position


class WebhookStore(Protocol):
    """Webhooks, and the outbox that changes are told from. Secrets are sealed by the caller."""

    def add_webhook(
        self, webhook: Webhook, secret: bytes | None, *, trail: Trail = NO_TRAIL
    ) -> Future[Webhook]:
        """Record a webhook."""
        ...

    def webhook(self, webhook_id: str) -> Webhook | None: ...

    def secret(self, webhook_id: str) -> bytes | None:
        """The sealed secret of a webhook, if it has one."""
        ...

    def webhooks(self, *, limit: int, after: Position | None) -> Page[Webhook]:
        """Webhooks by creation time descending then id."""
        ...

    def change_webhook(
        self, webhook_id: str, change: WebhookChange, *, trail: Trail = NO_TRAIL
    ) -> Future[Webhook]:
        """Change a webhook. NotFound."""
        ...

    def delete_webhook(self, webhook_id: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a webhook, its secret and its deliveries. NotFound."""
        ...

    def deliveries(
        self, webhook_id: str, *, state: DeliveryState | None, limit: int, after: Position | None
    ) -> Page[Delivery]:
        """Deliveries to a webhook by creation time descending then id descending."""
        ...

    def replay(
        self, webhook_id: str, delivery_id: str, now_ms: int, *, trail: Trail = NO_TRAIL
    ) -> Future[Delivery]:
        """Make a delivery due now, as if it had never been tried. NotFound."""
        ...

    def is_due(self, now_ms: int) -> bool:
        """Whether a delivery to an active webhook waits to be made. Cheap."""
        ...

    def claim(
        self, now_ms: int, lease_ms: int, *, limit: int, without: Sequence[str] = ()
    ) -> Future[list[Claim]]:
        """Take the deliveries that are due, the oldest first, until *lease_ms*; nobody else gets
        them before. None to webhooks in *without*."""
        ...

    def settle(self, claim: Claim, after: Delivery) -> Future[bool]:
        """Record what became of a claimed delivery; False when the claim was no longer ours."""
        ...

    def tidy_deliveries(self, before_ms: int, *, limit: int) -> Future[int]:
        """Forget deliveries that came to their end before; how many of at most *limit*."""
        ...
