"""`millrace webhooks`: who is told of what, and what became of telling them."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click
import msgspec

from millrace.cli import options
from millrace.cli.doctor import require_there
from millrace.cli.output import show_json, show_table, time_of
from millrace.cli.records import client_at, every
from millrace.core import settings
from millrace.core.entities.webhook import EVENTS

if TYPE_CHECKING:
    from millrace.api.endpoint import Endpoint, Request
    from millrace.api.webhooks import DeliveriesReply, WebhookReply, WebhooksReply
    from millrace.client.client import MillraceClient
    from millrace.client.verbs import PagedList
    from millrace.core.entities.webhook import Delivery, DeliveryState, Webhook

_COLUMNS = ("id", "name", "status", "url", "events")
_DELIVERIES = ("id", "event", "state", "created", "attempts", "status", "problem")
_id = click.argument("webhook_id")


@click.group()
def webhooks() -> None:
    """Say who is told of what, and see what became of telling them."""


@webhooks.command("list")
@options.output
@options.tracking_uri
def list_(*, output: str, tracking_uri: str | None) -> None:
    """List all webhooks."""
    from millrace.api.webhooks import ListWebhooks
    from millrace.client.verbs import PagedList

    client = client_at(tracking_uri)

    def page(token: str | None) -> PagedList[Webhook]:
        reply: WebhooksReply = _call(client, "listWebhooks", ListWebhooks(page_token=token))
        return PagedList(reply.webhooks, reply.next_page_token)

    found = every(page)
    if output == "json":
        show_json(list(found))
    else:
        show_table(_COLUMNS, (_row(one) for one in found))


@webhooks.command()
@click.option("--name", "-n", required=True, metavar="NAME", help="Its name.")
@click.option("--url", required=True, metavar="URL", help="Where to POST.")
@click.option(
    "--event",
    "events",
    multiple=True,
    required=True,
    type=click.Choice(sorted(EVENTS)),
    metavar="EVENT",
    help="Such as model_version.created; may be given several times.",
)
@click.option("--description", metavar="TEXT", help="What it is for.")
@click.option(
    "--secret-stdin", is_flag=True, help="Read the secret that deliveries are signed with."
)
@options.output
@options.tracking_uri
def create(
    *,
    name: str,
    url: str,
    events: tuple[str, ...],
    description: str | None,
    secret_stdin: bool,
    output: str,
    tracking_uri: str | None,
) -> None:
    """Let a URL be told of events. The secret is read from the standard input, if at all."""
    from millrace.api.webhooks import CreateWebhook, EventEntry

    request = CreateWebhook(
        name=name,
        url=url,
        events=tuple(
            msgspec.convert(
                dict(zip(("entity", "action"), one.upper().split("."), strict=True)), EventEntry
            )
            for one in events
        ),
        description=description,
        secret=sys.stdin.readline().rstrip("\n") if secret_stdin else None,
    )
    reply: WebhookReply = _call(client_at(tracking_uri), "createWebhook", request)
    if output == "json":
        show_json(reply.webhook)
    else:
        click.echo(f"Created webhook '{name}' with id {reply.webhook.webhook_id}.")


@webhooks.command()
@_id
@options.tracking_uri
def delete(*, webhook_id: str, tracking_uri: str | None) -> None:
    """Delete a webhook with its deliveries."""
    from millrace.api.webhooks import WebhookId

    _call(client_at(tracking_uri), "deleteWebhook", WebhookId(webhook_id=webhook_id))
    click.echo(f"Deleted webhook {webhook_id}.")


@webhooks.command()
@_id
@click.option(
    "--state",
    type=click.Choice(["WAITING", "DELIVERED", "FAILED"], case_sensitive=False),
    help="Only these.",
)
@click.option("--max-results", type=click.IntRange(1), default=100, show_default=True)
@options.output
@options.tracking_uri
def deliveries(
    *,
    webhook_id: str,
    state: DeliveryState | None,
    max_results: int,
    output: str,
    tracking_uri: str | None,
) -> None:
    """List what was sent to a webhook or waits to be, the newest first."""
    from millrace.api.webhooks import ListDeliveries
    from millrace.client.verbs import PagedList

    client = client_at(tracking_uri)

    def page(token: str | None) -> PagedList[Delivery]:
        request = ListDeliveries(webhook_id=webhook_id, state=state, page_token=token)
        reply: DeliveriesReply = _call(client, "listWebhookDeliveries", request)
        return PagedList(reply.deliveries, reply.next_page_token)

    found = every(page, max_results)
    if output == "json":
        show_json(list(found))
    else:
        show_table(_DELIVERIES, (_delivery_row(one) for one in found))


@webhooks.command()
@_id
@click.argument("delivery_id")
@options.tracking_uri
def replay(*, webhook_id: str, delivery_id: str, tracking_uri: str | None) -> None:
    """Send a delivery once more, under the same delivery id."""
    from millrace.api.webhooks import DeliveryId

    request = DeliveryId(webhook_id=webhook_id, delivery_id=delivery_id)
    _call(client_at(tracking_uri), "replayWebhookDelivery", request)
    click.echo(f"Delivery {delivery_id} is due again; a server sends it.")


@webhooks.command("rotate-key")
@options.option_of(settings.BACKEND_STORE_URI, "--backend-store-uri", metavar="URI")
@options.option_of(settings.REGISTRY_STORE_URI, "--registry-store-uri", metavar="URI")
def rotate_key(*, backend_store_uri: str, registry_store_uri: str | None) -> None:
    """Seal the secrets of all webhooks anew, with a fresh key."""
    from millrace.client.transports import local_context
    from millrace.services.platform import open_platform

    require_there(backend_store_uri)
    require_there(registry_store_uri or backend_store_uri)
    opened = open_platform(backend_store_uri, registry_uri=registry_store_uri)
    with closing(opened) as platform:
        count = platform.webhooks.rotate_key(local_context())
    click.echo(f"{count} secrets were sealed anew.")


def _call(client: MillraceClient, name: str, request: Request) -> Any:  # noqa: ANN401 - by name
    from millrace.api.table import BY_NAME

    endpoint: Endpoint[Request, Any] = BY_NAME[name]
    return client.channel.call(endpoint, request)


def _row(one: Webhook) -> tuple[str, ...]:
    events = ", ".join(event.name for event in one.events)
    return (one.webhook_id, one.name, one.status, one.url, events)


def _delivery_row(one: Delivery) -> tuple[str | int | None, ...]:
    created = time_of(one.created_ms)
    status, problem = one.response_status, one.problem
    return (one.delivery_id, one.event, one.state, created, one.attempts, status, problem)
