"""Webhooks: who wants to hear of which events, and what became of telling them."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec

from millrace.core.entities.entity import Entity

WebhookStatus = Literal["ACTIVE", "DISABLED"]
WEBHOOK_STATUS_NUMBERS: Final[dict[int, WebhookStatus]] = {1: "ACTIVE", 2: "DISABLED"}

EntityName = Literal[
    "REGISTERED_MODEL",
    "MODEL_VERSION",
    "MODEL_VERSION_TAG",
    "MODEL_VERSION_ALIAS",
    "PROMPT",
    "PROMPT_VERSION",
    "PROMPT_TAG",
    "PROMPT_VERSION_TAG",
    "PROMPT_ALIAS",
    "BUDGET_POLICY",
    "EXPERIMENT",
    "RUN",
    "TRANSITION_REQUEST",
]
ActionName = Literal[
    "CREATED",
    "UPDATED",
    "DELETED",
    "SET",
    "EXCEEDED",
    "ENDED",
    "RESTORED",
    "TRANSITIONED",
    "APPROVED",
    "REJECTED",
    "CANCELLED",
]
ENTITY_NUMBERS: Final[dict[int, EntityName]] = {
    1: "REGISTERED_MODEL",
    2: "MODEL_VERSION",
    3: "MODEL_VERSION_TAG",
    4: "MODEL_VERSION_ALIAS",
    5: "PROMPT",
    6: "PROMPT_VERSION",
    7: "PROMPT_TAG",
    8: "PROMPT_VERSION_TAG",
    9: "PROMPT_ALIAS",
    10: "BUDGET_POLICY",
}
ACTION_NUMBERS: Final[dict[int, ActionName]] = {
    1: "CREATED",
    2: "UPDATED",
    3: "DELETED",
    4: "SET",
    5: "EXCEEDED",
}

EVENTS: Final = frozenset(
    # of the wire contract
    "registered_model.created model_version.created model_version_tag.set "
    "model_version_tag.deleted model_version_alias.created model_version_alias.deleted "
    "prompt.created prompt_version.created prompt_tag.set prompt_tag.deleted "
    "prompt_version_tag.set prompt_version_tag.deleted prompt_alias.created prompt_alias.deleted "
    "budget_policy.exceeded "
    # of our own
    "experiment.created experiment.deleted experiment.restored "
    "run.created run.ended run.deleted run.restored "
    "model_version.deleted registered_model.deleted model_version.transitioned "
    "transition_request.created transition_request.approved transition_request.rejected "
    "transition_request.cancelled".split()
)
"""What may be heard of, as `entity.action` in lower case."""

MOVED: Final = {
    (kind, stage): f"{kind}.{word}"
    for kind in ("experiment", "run")
    for stage, word in (("deleted", "deleted"), ("active", "restored"))
}
"""The event of a move to the trash or out of it, by kind and the stage it leads to."""


class WebhookEvent(Entity, frozen=True, kw_only=True):
    """An event as the wire spells it: `MODEL_VERSION` and `CREATED`."""

    entity: str
    action: str

    @property
    def name(self) -> str:
        """`model_version.created`."""
        return f"{self.entity}.{self.action}".lower()


class Webhook(Entity, frozen=True, kw_only=True):
    """Where to POST which events. Its secret is kept apart and never shown."""

    webhook_id: str
    name: str
    description: str | None = None
    url: str
    events: tuple[WebhookEvent, ...]
    status: WebhookStatus
    creation_timestamp: int
    last_updated_timestamp: int


class WebhookChange(Entity, frozen=True, kw_only=True):
    """What to change of a webhook; None leaves a thing as it is. `secret` is sealed."""

    name: str | None = None
    description: str | None = None
    url: str | None = None
    events: tuple[WebhookEvent, ...] | None = None
    status: WebhookStatus | None = None
    secret: bytes | None = None
    last_updated_timestamp: int

    def applied_to(self, webhook: Webhook) -> Webhook:
        """*webhook* with the change made."""
        fields = ("name", "description", "url", "events", "status", "last_updated_timestamp")
        given = {name: getattr(self, name) for name in fields}
        return msgspec.structs.replace(
            webhook, **{name: value for name, value in given.items() if value is not None}
        )


def recorded(webhook: Webhook, secret: bytes | None) -> dict[str, object]:
    """What the audit trail tells of a webhook: of its secret only whether it is another one."""
    told: dict[str, object] = dict(webhook)
    told["events"] = [event.name for event in webhook.events]
    if secret is not None:
        told["secret"] = f"sealed {hashlib.sha256(secret).hexdigest()[:16]}"
    return told


DeliveryState = Literal["WAITING", "DELIVERED", "FAILED"]
DELIVERY_STATE_NUMBERS: Final[dict[int, DeliveryState]] = {
    0: "WAITING",
    1: "DELIVERED",
    2: "FAILED",
}


class Delivery(Entity, frozen=True, kw_only=True):
    """One event on its way to one webhook, and what became of it.

    `due_ms`: when it is tried next. `response_status` and `problem` are of the last attempt.
    """

    delivery_id: str
    webhook_id: str
    event: str
    state: DeliveryState
    created_ms: int
    due_ms: int
    attempts: int = 0
    response_status: int | None = None
    problem: str | None = None
    took_ms: int | None = None
    ended_ms: int | None = None


class Claim(Entity, frozen=True, kw_only=True):
    """A delivery that a worker has to itself until its lease ends, with what it needs to send it.

    `secret` is sealed. `lease_ms` tells this claim from every other of the same delivery.
    """

    delivery: Delivery
    webhook: Webhook
    body: bytes
    secret: bytes | None
    lease_ms: int


class Attempt(Entity, frozen=True, kw_only=True):
    """How one attempt to deliver went; without `response_status` nobody answered."""

    response_status: int | None = None
    problem: str | None = None
    took_ms: int = 0

    @property
    def was_heard(self) -> bool:
        """Whether the receiver took it: any 2xx."""
        return self.response_status is not None and 200 <= self.response_status < 300  # noqa: PLR2004
