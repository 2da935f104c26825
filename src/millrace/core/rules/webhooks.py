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
    from collections.abc import Iterable, Mapping

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


def status(value: WebhookStatus | int) -> WebhookStatus:
    """The status that *value* names or numbers; else raise `InvalidArgument`."""
    if not isinstance(value, int):
        return value
    known = WEBHOOK_STATUS_NUMBERS.get(value)
    if known is None:
        raise InvalidArgument(f"A webhook is ACTIVE (1) or DISABLED (2); {value} was given.")
    return known


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


def _word(value: str | int, numbers: Mapping[int, str], what: str) -> str:
    if isinstance(value, str):
        return value
    known = numbers.get(value)
    if known is None:
        raise InvalidArgument(f"There is no webhook {what} {value}.")
    return known


def message(event_name: str, at_ms: int, data: object) -> bytes:
    """The body that tells of an event."""
    entity, _, action = event_name.partition(".")
    at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return wire.encode({"entity": entity, "action": action, "timestamp": at, "data": data})


# What a receiver is shown when a webhook is tested, by event; the data of the wire contract.
_MODEL: Final = {"name": "example_model", "description": "An example", "tags": {"example": "yes"}}
_VERSION: Final = {
    "name": "example_model",
    "version": "1",
    "source": "models:/m-0123456789abcdef0123456789abcdef",
    "run_id": "0123456789abcdef0123456789abcdef",
    "description": "An example",
    "tags": {"example": "yes"},
}
_TAG: Final = {"name": "example_model", "version": "1", "key": "example", "value": "yes"}
_ALIAS: Final = {"name": "example_model", "alias": "champion", "version": "1"}
_EXAMPLES: Final[dict[str, dict[str, object]]] = {
    "registered_model": dict(_MODEL),
    "model_version": dict(_VERSION),
    "model_version_tag": dict(_TAG),
    "model_version_alias": dict(_ALIAS),
    "transition_request": {
        "request_id": "a-0123456789abcdef0123456789abcdef",
        "name": "example_model",
        "version": "1",
        "to_stage": "Production",
        "alias": None,
        "rollback": False,
        "requested_by": "ada",
        "approvals_needed": 1,
        "user_id": "ada",
        "comment": "An example",
    },
    "prompt": dict(_MODEL),
    "prompt_version": dict(_VERSION),
    "prompt_tag": {"name": "example_prompt", "key": "example", "value": "yes"},
    "prompt_version_tag": dict(_TAG),
    "prompt_alias": dict(_ALIAS),
}


def example(event_name: str) -> dict[str, object]:
    """Data such as an event of that name has."""
    entity, _, action = event_name.partition(".")
    data = dict(_EXAMPLES.get(entity, {"example": True}))
    if action == "deleted":
        data.pop("value", None)
        if entity.endswith("_alias"):
            data.pop("version", None)
    return data


def signature(secret_text: str, delivery_id: str, sent_s: int, body: bytes) -> str:
    """What a receiver that knows the secret compares: HMAC-SHA256 over id, time and body."""
    signed = f"{delivery_id}.{sent_s}.".encode() + body
    made = hmac.new(secret_text.encode(), signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(made).decode()}"
