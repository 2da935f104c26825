"""What a webhook may be told, and what it is sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from millrace.core import wire
from millrace.core.entities.webhook import (
    ACTION_NUMBERS,
    ENTITY_NUMBERS,
    EVENTS,
    WEBHOOK_STATUS_NUMBERS,
    WebhookEvent,
    WebhookStatus,
)
from millrace.core.errors import InvalidArgument
from millrace.core.rules import names

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME_LENGTH: Final = 256
DESCRIPTION_LENGTH: Final = 1000
SECRET_LENGTH: Final = 1000


def name(value: str) -> str:
    """Return *value* if it may name a webhook; else raise `InvalidArgument`."""
    if not value or len(value) > NAME_LENGTH:
        raise InvalidArgument(
            f"A webhook's name must have 1 to {NAME_LENGTH} characters; it has {len(value)}."
        )
    return names.plain_text(value, "Webhook name")


def description(value: str) -> str:
    """Return *value* if it may describe a webhook; else raise `InvalidArgument`."""
    if len(value) > DESCRIPTION_LENGTH:
        raise InvalidArgument(
            f"A webhook's description has at most {DESCRIPTION_LENGTH} characters; this one has "
            f"{len(value)}."
        )
    return value


def secret(value: str) -> str:
    """Return *value* if deliveries may be signed with it; else raise `InvalidArgument`."""
    if len(value) > SECRET_LENGTH:
        raise InvalidArgument(f"A webhook's secret has at most {SECRET_LENGTH} characters.")
    return value


def status(value: str | int) -> WebhookStatus:
    """The status that *value* names or numbers; else raise `InvalidArgument`."""
    for number, known in WEBHOOK_STATUS_NUMBERS.items():
        if value in {known, number, str(number)}:
            return known
    raise InvalidArgument(f"A webhook is ACTIVE or DISABLED; {value!r} was given.")


def event(entity: str | int, action: str | int) -> WebhookEvent:
    """The event that entity and action name or number; else raise `InvalidArgument`."""
    found = WebhookEvent(
        entity=_word(entity, ENTITY_NUMBERS, "entity"),
        action=_word(action, ACTION_NUMBERS, "action"),
    )
    if found.name not in EVENTS:
        raise InvalidArgument(
            f"There is no event {found.name!r}. Known are: {', '.join(sorted(EVENTS))}."
        )
    return found


def events(given: Iterable[WebhookEvent]) -> tuple[WebhookEvent, ...]:
    """The events, each once; at least one."""
    found = tuple(dict.fromkeys(given))
    if not found:
        raise InvalidArgument("A webhook needs at least one event in 'events'.")
    return found


def _word(value: str | int, numbers: dict[int, str], what: str) -> str:
    text = str(value)
    if text.isdigit():
        known = numbers.get(int(text))
        if known is None:
            raise InvalidArgument(f"There is no webhook {what} {value}.")
        return known
    return text.upper()


def message(event_name: str, at_ms: int, data: object) -> bytes:
    """The body that tells of an event."""
    entity, _, action = event_name.partition(".")
    at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return wire.encode({"entity": entity, "action": action, "timestamp": at, "data": data})


def signature(secret_text: str, delivery_id: str, sent_s: int, body: bytes) -> str:
    """What a receiver that knows the secret compares: HMAC-SHA256 over id, time and body."""
    signed = f"{delivery_id}.{sent_s}.".encode() + body
    made = hmac.new(secret_text.encode(), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(made).decode()}"
