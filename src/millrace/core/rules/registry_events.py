"""What webhooks hear of the registry: for each change its events and what they carry.

A prompt is a registered model with a mark, but its events are its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from millrace.core.entities.registry import AliasMove, StageMove
from millrace.core.rules.registry import is_prompt

if TYPE_CHECKING:
    from millrace.core.entities.approval import ApprovalRequest, RequestState
    from millrace.core.entities.registry import (
        ModelVersion,
        Move,
        RegisteredModel,
        RegisteredModelChange,
        Stage,
        VersionChange,
    )

Events: TypeAlias = Iterator[tuple[str, Mapping[str, object]]]

_TEMPLATE: Final = "mlflow.prompt.text"
_DECIDED: Final[dict[RequestState, str]] = {
    "OPEN": "created",
    "APPROVED": "approved",
    "REJECTED": "rejected",
    "CANCELLED": "cancelled",
}
"""Nobody does anything when a request runs out, so there is no event of it."""


def model_created(model: RegisteredModel) -> Events:
    """A name was registered."""
    word = "prompt" if is_prompt(model.tag_list) else "registered_model"
    told = {"name": model.name, "tags": model.tags, "description": model.description}
    yield f"{word}.created", told


def model_changed(model: RegisteredModel, change: RegisteredModelChange) -> Events:
    """Tags of a prompt were set or deleted; of a model nobody hears."""
    if not is_prompt(model.tag_list):
        return
    for tag in change.set_tags:
        yield "prompt_tag.set", {"name": model.name, "key": tag.key, "value": tag.value}
    if change.delete_tag is not None:
        yield "prompt_tag.deleted", {"name": model.name, "key": change.delete_tag}


def model_deleted(model: RegisteredModel) -> Events:
    """A model went, with all its versions."""
    yield "registered_model.deleted", {"name": model.name}


def version_created(version: ModelVersion) -> Events:
    """A version was registered."""
    told: dict[str, object] = {"name": version.name, "version": version.version}
    rest = {"tags": version.tags, "description": version.description}
    if is_prompt(version.tag_list):
        yield "prompt_version.created", told | {"template": version.tags.get(_TEMPLATE)} | rest
    else:
        origin = {"source": version.source, "run_id": version.run_id or None}
        yield "model_version.created", told | origin | rest


def version_changed(version: ModelVersion, change: VersionChange) -> Events:
    """Tags of a version were set or deleted."""
    word = "prompt_version_tag" if is_prompt(version.tag_list) else "model_version_tag"
    told = {"name": version.name, "version": version.version}
    for tag in change.set_tags:
        yield f"{word}.set", {**told, "key": tag.key, "value": tag.value}
    if change.delete_tag is not None:
        yield f"{word}.deleted", {**told, "key": change.delete_tag}


def version_deleted(version: ModelVersion) -> Events:
    """A version went."""
    yield "model_version.deleted", {"name": version.name, "version": version.version}


def moved(move: Move, model: RegisteredModel, before: Stage | None = None) -> Events:
    """A version entered a stage (it was in *before*), or an alias points elsewhere."""
    word = "prompt_alias" if is_prompt(model.tag_list) else "model_version_alias"
    match move:
        case StageMove():
            yield (
                "model_version.transitioned",
                {
                    "name": move.name,
                    "version": str(move.version),
                    "from_stage": before,
                    "to_stage": move.stage,
                },
            )
        case AliasMove(version=None):
            yield f"{word}.deleted", {"name": move.name, "alias": move.alias}
        case AliasMove():
            told = {"name": move.name, "alias": move.alias, "version": str(move.version)}
            yield f"{word}.created", told


def request_changed(request: ApprovalRequest) -> Events:
    """Somebody asked for a change, or the request came to its end; who did, and what they said."""
    word = _DECIDED.get(request.state)
    if word is None:
        return
    wish, said = request.wish, request.opinions
    told = {
        "request_id": request.id,
        "name": wish.name,
        "version": wish.version,
        "to_stage": wish.stage,
        "alias": wish.alias,
        "rollback": wish.rollback,
        "requested_by": request.user_id,
        "approvals_needed": request.approvals_needed,
        "user_id": said[-1].user_id if said else request.user_id,
        "comment": said[-1].comment if said else None,
    }
    yield f"transition_request.{word}", told
