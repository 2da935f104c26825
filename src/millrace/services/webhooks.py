"""Webhooks: who may be told what, and telling them."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from millrace.api.endpoint import Nothing
from millrace.api.webhooks import (
    DeliveriesReply,
    DeliveryReply,
    WebhookReply,
    WebhooksReply,
    WebhookTestReply,
    WebhookTestResult,
)
from millrace.core import clock, ids, settings
from millrace.core.entities.webhook import Attempt, Webhook, WebhookChange
from millrace.core.errors import InvalidArgument, InvalidState, NotFound
from millrace.core.rules import searching
from millrace.core.rules import webhooks as rules
from millrace.http import outbound
from millrace.services.later import then

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Future

    from millrace.api.webhooks import (
        CreateWebhook,
        DeliveryId,
        EventEntry,
        ListDeliveries,
        ListWebhooks,
        TestWebhook,
        UpdateWebhook,
        WebhookId,
    )
    from millrace.core.entities.webhook import Claim, Delivery, WebhookEvent
    from millrace.core.pages import Tokens
    from millrace.services.context import Context
    from millrace.services.keyring import KeyRing
    from millrace.stores.protocols import WebhookStore

PAGE: Final = 100
PAGE_MOST: Final = 1_000
LEASE_SLACK_MS: Final = 5_000
"""A claim lasts as long as an attempt may take and this: for the queue before it and the commit
after it."""
LONGEST_WAIT_S: Final = 3600.0
KEEP_MS: Final = 30 * 24 * 60 * 60 * 1000
"""The log of deliveries goes back so far."""
_GONE: Final = 410
_TIDY_AT_ONCE: Final = 500
_TIDY_EVERY_MS: Final = 60_000
_NOTHING: Final = Nothing()

# Jitter: it needs variety, not secrecy.
_random = random.Random()  # noqa: S311


class Webhooks:
    """Decides about webhooks and makes deliveries; the store keeps both."""

    def __init__(self, store: WebhookStore, tokens: Tokens, keys: KeyRing) -> None:
        self._store = store
        self._tokens = tokens
        self._keys = keys
        self._limits = outbound.Limits(timeout_s=settings.WEBHOOK_REQUEST_TIMEOUT.get())
        self._retries = settings.WEBHOOK_REQUEST_MAX_RETRIES.get()
        self._first_wait_s = settings.WEBHOOK_RETRY_SECONDS.get()
        self._policy = outbound.policy()
        self._tidied_ms = 0

    # --- webhooks -------------------------------------------------------------------------------

    def create(self, ctx: Context, request: CreateWebhook) -> Future[WebhookReply]:
        """Let a URL be told of events."""
        webhook = Webhook(
            webhook_id=ids.webhook_id(),
            name=rules.name(request.name),
            description=None
            if request.description is None
            else rules.description(request.description),
            url=self._url(request.url),
            events=_events(request.events),
            status="ACTIVE" if request.status is None else rules.status(request.status),
            creation_timestamp=ctx.at_ms,
            last_updated_timestamp=ctx.at_ms,
        )
        sealed = self._sealed(webhook.webhook_id, request.secret)
        added = self._store.add_webhook(webhook, sealed, trail=ctx.trail("webhook.create"))
        return then(added, lambda one: WebhookReply(webhook=one))

    def find(self, _ctx: Context, request: ListWebhooks) -> WebhooksReply:
        """Webhooks, the newest first."""
        page = self._store.webhooks(
            limit=searching.limit(request.max_results, default=PAGE, most=PAGE_MOST),
            after=self._tokens.read(request.page_token, "webhooks"),
        )
        return WebhooksReply(
            webhooks=page.items, next_page_token=self._tokens.write(page.next, "webhooks")
        )

    def get(self, _ctx: Context, request: WebhookId) -> WebhookReply:
        """One webhook."""
        return WebhookReply(webhook=self._held(request.webhook_id))

    def update(self, ctx: Context, request: UpdateWebhook) -> Future[WebhookReply]:
        """Change a webhook; what is absent stays."""
        change = WebhookChange(
            name=None if request.name is None else rules.name(request.name),
            description=None
            if request.description is None
            else rules.description(request.description),
            url=None if request.url is None else self._url(request.url),
            events=None if request.events is None else _events(request.events),
            status=None if request.status is None else rules.status(request.status),
            secret=self._sealed(request.webhook_id, request.secret),
            last_updated_timestamp=ctx.at_ms,
        )
        changed = self._store.change_webhook(
            request.webhook_id, change, trail=ctx.trail("webhook.update")
        )
        return then(changed, lambda one: WebhookReply(webhook=one))

    def delete(self, ctx: Context, request: WebhookId) -> Future[Nothing]:
        """Delete a webhook with its deliveries."""
        gone = self._store.delete_webhook(request.webhook_id, trail=ctx.trail("webhook.delete"))
        return then(gone, lambda _: _NOTHING)

    def test(self, ctx: Context, request: TestWebhook) -> WebhookTestReply:
        """Send an example now. Of the answer only its status is told, never what it says."""
        webhook = self._held(request.webhook_id)
        event = webhook.events[0] if request.event is None else _event(request.event)
        body = rules.message(event.name, ctx.at_ms, rules.example(event.name))
        attempt = self._attempt(
            webhook, ids.delivery_id(), body, self._store.secret(webhook.webhook_id)
        )
        problem = None if attempt.was_heard else attempt.problem
        return WebhookTestReply(
            result=WebhookTestResult(
                success=attempt.was_heard,
                response_status=attempt.response_status,
                error_message=problem,
            )
        )

    def rotate_key(self, ctx: Context) -> int:
        """Seal all secrets anew with a fresh key, or the one that the operator gives; how many."""
        if not self._keys.has_given_key:
            self._keys.rotate_sealing()
        count, after = 0, None
        while True:
            page = self._store.webhooks(limit=PAGE_MOST, after=after)
            for webhook in page.items:
                sealed = self._store.secret(webhook.webhook_id)
                if sealed is None or self._keys.is_current(sealed):
                    continue
                purpose = _purpose(webhook.webhook_id)
                change = WebhookChange(
                    secret=self._keys.seal(
                        self._keys.open(sealed, purpose=purpose), purpose=purpose
                    ),
                    last_updated_timestamp=webhook.last_updated_timestamp,
                )
                trail = ctx.trail("webhook.rotate_key")
                self._store.change_webhook(webhook.webhook_id, change, trail=trail).result()
                count += 1
            after = page.next
            if after is None:
                return count

    def _held(self, webhook_id: str) -> Webhook:
        found = self._store.webhook(webhook_id)
        if found is None:
            raise NotFound(f"No webhook with id={webhook_id!r}.")
        return found

    def _url(self, text: str) -> str:
        outbound.check(text, self._policy)
        return text

    def _sealed(self, webhook_id: str, secret: str | None) -> bytes | None:
        if not secret:
            return None
        return self._keys.seal(rules.secret(secret).encode(), purpose=_purpose(webhook_id))

    # --- the log --------------------------------------------------------------------------------

    def deliveries(self, _ctx: Context, request: ListDeliveries) -> DeliveriesReply:
        """What was sent to a webhook or waits to be, the newest first."""
        self._held(request.webhook_id)
        bound = ["deliveries", request.webhook_id, request.state]
        page = self._store.deliveries(
            request.webhook_id,
            state=request.state,
            limit=searching.limit(request.max_results, default=PAGE, most=PAGE_MOST),
            after=self._tokens.read(request.page_token, bound),
        )
        return DeliveriesReply(
            deliveries=page.items, next_page_token=self._tokens.write(page.next, bound)
        )

    def replay(self, ctx: Context, request: DeliveryId) -> Future[DeliveryReply]:
        """Send a delivery once more."""
        fresh = self._store.replay(
            request.webhook_id, request.delivery_id, ctx.at_ms, trail=ctx.trail("webhook.replay")
        )
        return then(fresh, lambda one: DeliveryReply(delivery=one))

    # --- delivering -----------------------------------------------------------------------------

    def claim(self, *, limit: int, without: Iterable[str] = ()) -> list[Claim]:
        """Deliveries to make now, which are ours until their lease ends."""
        now_ms = clock.now_ms()
        if not self._store.is_due(now_ms):
            return []
        lease_ms = now_ms + int(self._limits.timeout_s * 1000) + LEASE_SLACK_MS
        return self._store.claim(now_ms, lease_ms, limit=limit, without=tuple(without)).result()

    def deliver(self, claim: Claim) -> Delivery:
        """Make one attempt, and record what became of it."""
        delivery = claim.delivery
        attempt = self._attempt(claim.webhook, delivery.delivery_id, claim.body, claim.secret)
        after = self._after(delivery, attempt, clock.now_ms())
        self._store.settle(claim, after).result()
        return after

    def put_off(self, claim: Claim, wait_ms: int) -> None:
        """Give a claimed delivery back, to be made some time later."""
        later = msgspec.structs.replace(claim.delivery, due_ms=clock.now_ms() + wait_ms)
        self._store.settle(claim, later).result()

    def tidy(self, now_ms: int) -> int:
        """Forget deliveries that came to their end long ago, now and then; how many."""
        if now_ms - self._tidied_ms < _TIDY_EVERY_MS:
            return 0
        self._tidied_ms = now_ms
        return self._store.tidy_deliveries(now_ms - KEEP_MS, limit=_TIDY_AT_ONCE).result()

    def _attempt(
        self, webhook: Webhook, delivery_id: str, body: bytes, sealed: bytes | None
    ) -> Attempt:
        began = time.monotonic()
        try:
            headers = self._headers(webhook, delivery_id, body, sealed)
            status, _ = outbound.post(webhook.url, body, headers, self._policy, self._limits)
        except (InvalidArgument, InvalidState, outbound.Unreachable) as error:
            return Attempt(problem=error.message[:500], took_ms=_since(began))
        told = f"The receiver answered with status {status}."
        heard = Attempt(response_status=status, took_ms=_since(began))
        return heard if heard.was_heard else msgspec.structs.replace(heard, problem=told)

    def _headers(
        self, webhook: Webhook, delivery_id: str, body: bytes, sealed: bytes | None
    ) -> dict[str, str]:
        sent_s = clock.now_ms() // 1000
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "millrace-webhooks/1",
            "X-MLflow-Delivery-Id": delivery_id,
            "X-MLflow-Timestamp": str(sent_s),
        }
        if sealed is not None:
            secret = self._keys.open(sealed, purpose=_purpose(webhook.webhook_id)).decode()
            headers["X-MLflow-Signature"] = rules.signature(secret, delivery_id, sent_s, body)
        return headers

    def _after(self, delivery: Delivery, attempt: Attempt, now_ms: int) -> Delivery:
        attempts = delivery.attempts + 1
        told: dict[str, Any] = {
            "attempts": attempts,
            "response_status": attempt.response_status,
            "problem": attempt.problem,
            "took_ms": attempt.took_ms,
        }
        if attempt.was_heard:
            told |= {"state": "DELIVERED", "ended_ms": now_ms}
        elif attempts > self._retries or attempt.response_status == _GONE:
            told |= {"state": "FAILED", "ended_ms": now_ms}
        else:
            told["due_ms"] = now_ms + int(1000 * self._wait_s(attempts))
        return msgspec.structs.replace(delivery, **told)

    def _wait_s(self, attempts: int) -> float:
        wait_s = min(self._first_wait_s * 2.0 ** min(attempts - 1, 20), LONGEST_WAIT_S)
        return wait_s * _random.uniform(0.5, 1.0)


def _event(entry: EventEntry) -> WebhookEvent:
    return rules.event(entry.entity, entry.action)


def _events(entries: Iterable[EventEntry]) -> tuple[WebhookEvent, ...]:
    return rules.events(_event(one) for one in entries)


def _purpose(webhook_id: str) -> str:
    return f"webhook {webhook_id}"


def _since(began: float) -> int:
    return int((time.monotonic() - began) * 1000)
