"""Webhooks and their deliveries: requests, replies, endpoints."""

from __future__ import annotations

import msgspec

from millrace.api.endpoint import Admin, Endpoint, Id, Int64, Needs, Nothing, Reply, Request
from millrace.core.entities.access import Permission
from millrace.core.entities.webhook import (
    ActionName,
    Delivery,
    DeliveryState,
    EntityName,
    Webhook,
    WebhookStatus,
)


class EventEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An event by names or wire numbers."""

    entity: EntityName | Int64
    action: ActionName | Int64


class CreateWebhook(Request, frozen=True, kw_only=True):
    name: Id
    url: Id
    events: tuple[EventEntry, ...]
    description: str | None = None
    secret: str | None = None
    status: WebhookStatus | Int64 | None = None


class WebhookReply(Reply, frozen=True, kw_only=True):
    webhook: Webhook


class ListWebhooks(Request, frozen=True, kw_only=True):
    max_results: Int64 | None = None
    page_token: str | None = None


class WebhooksReply(Reply, frozen=True, kw_only=True):
    webhooks: tuple[Webhook, ...] = ()
    next_page_token: str | None = None


class WebhookId(Request, frozen=True, kw_only=True):
    webhook_id: Id


class UpdateWebhook(Request, frozen=True, kw_only=True):
    webhook_id: Id
    name: str | None = None
    description: str | None = None
    url: str | None = None
    events: tuple[EventEntry, ...] | None = None
    secret: str | None = None
    status: WebhookStatus | Int64 | None = None


class TestWebhook(Request, frozen=True, kw_only=True):
    webhook_id: Id
    event: EventEntry | None = None


class WebhookTestResult(Reply, frozen=True, kw_only=True):
    success: bool
    response_status: int | None = None
    error_message: str | None = None


class WebhookTestReply(Reply, frozen=True, kw_only=True):
    result: WebhookTestResult


class ListDeliveries(Request, frozen=True, kw_only=True):
    webhook_id: Id
    state: DeliveryState | None = None
    max_results: Int64 | None = None
    page_token: str | None = None


class DeliveriesReply(Reply, frozen=True, kw_only=True):
    deliveries: tuple[Delivery, ...] = ()
    next_page_token: str | None = None


class DeliveryId(Request, frozen=True, kw_only=True):
    webhook_id: Id
    delivery_id: Id


class DeliveryReply(Reply, frozen=True, kw_only=True):
    delivery: Delivery


_MANAGE = Needs(Permission.MANAGE, Admin())
_READ = Needs(Permission.READ, Admin())
_GROUP = "Webhooks"
_PATH = "/mlflow/webhooks"
_OURS = "/millrace/webhooks/{webhook_id}/deliveries"

ROWS: tuple[Endpoint, ...] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="createWebhook",
        group=_GROUP,
        method="POST",
        path=_PATH,
        request=CreateWebhook,
        response=WebhookReply,
        needs=_MANAGE,
        summary="Let a URL be told of events.",
    ),
    Endpoint(
        name="listWebhooks",
        group=_GROUP,
        method="GET",
        path=_PATH,
        request=ListWebhooks,
        response=WebhooksReply,
        needs=_READ,
        summary="List webhooks, the newest first.",
    ),
    Endpoint(
        name="getWebhook",
        group=_GROUP,
        method="GET",
        path=f"{_PATH}/{{webhook_id}}",
        request=WebhookId,
        response=WebhookReply,
        needs=_READ,
        summary="Get a webhook; its secret is never shown.",
    ),
    Endpoint(
        name="updateWebhook",
        group=_GROUP,
        method="PATCH",
        path=f"{_PATH}/{{webhook_id}}",
        request=UpdateWebhook,
        response=WebhookReply,
        needs=_MANAGE,
        summary="Change a webhook; what is absent stays as it is.",
    ),
    Endpoint(
        name="deleteWebhook",
        group=_GROUP,
        method="DELETE",
        path=f"{_PATH}/{{webhook_id}}",
        request=WebhookId,
        response=Nothing,
        needs=_MANAGE,
        summary="Delete a webhook with its deliveries.",
    ),
    Endpoint(
        name="testWebhook",
        group=_GROUP,
        method="POST",
        path=f"{_PATH}/{{webhook_id}}/test",
        request=TestWebhook,
        response=WebhookTestReply,
        needs=_MANAGE,
        summary="Send an example of an event now; what the receiver answers is not shown.",
    ),
    Endpoint(
        name="listWebhookDeliveries",
        group=_GROUP,
        method="GET",
        path=_OURS,
        request=ListDeliveries,
        response=DeliveriesReply,
        needs=_READ,
        summary="List what was sent to a webhook or waits to be, the newest first.",
    ),
    Endpoint(
        name="replayWebhookDelivery",
        group=_GROUP,
        method="POST",
        path=f"{_OURS}/{{delivery_id}}/replay",
        request=DeliveryId,
        response=DeliveryReply,
        needs=_MANAGE,
        summary="Send a delivery once more, under the same delivery id.",
    ),
)
