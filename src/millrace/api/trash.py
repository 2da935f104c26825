"""The trash: listing it, taking things out of it, and emptying it."""

from __future__ import annotations

from typing import Literal

from millrace.api.endpoint import (
    MIB,
    Admin,
    Endpoint,
    ExperimentOfModel,
    Id,
    Int64,
    Needs,
    Nothing,
    Reply,
    Request,
    Results,
    Time,
    edits,
    reads,
)
from millrace.core.entities.access import Permission
from millrace.core.entities.trash import TrashItem, TrashKind

Outcome = Literal["removed", "would_remove", "kept", "failed"]


class SearchTrash(Request, frozen=True, kw_only=True):
    """`alone`: leave out runs and models whose experiment is in the trash, too."""

    kind: TrashKind
    experiment_id: str | None = None
    alone: bool | None = None
    max_results: Int64 | None = None
    page_token: str | None = None


class TrashReply(Reply, frozen=True, kw_only=True):
    items: tuple[TrashItem, ...] = ()
    next_page_token: str | None = None


class RestoreLoggedModel(Request, frozen=True, kw_only=True):
    model_id: Id


class EmptyTrash(Request, frozen=True, kw_only=True):
    """What to remove; without any id all that is in the trash. `older_than_ms`: only what has been
    there for that long. `dry_run`: say what would be removed."""

    run_ids: tuple[str, ...] | None = None
    experiment_ids: tuple[str, ...] | None = None
    logged_model_ids: tuple[str, ...] | None = None
    older_than_ms: Time | None = None
    dry_run: bool | None = None


class Removal(Reply, frozen=True, kw_only=True):
    """What became of one thing.

    `removed`, or `would_remove` in a dry run; `kept` because it is needed; `failed`: it is as it
    was, or marked, and the next time goes on. `files` and `bytes` are its artifacts, `points` its
    metric points. `left`: its artifacts are in nobody's own folder, and stay there.
    """

    kind: TrashKind
    id: str
    name: str
    experiment_id: str
    outcome: Outcome
    reason: str | None = None
    points: int = 0
    files: int = 0
    bytes: int = 0
    left: str | None = None


class TrashEmptied(Reply, frozen=True, kw_only=True):
    """`more`: time ran out before all was looked at; call again."""

    removals: tuple[Removal, ...] = ()
    more: bool = False


ROWS: tuple[Endpoint, ...] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="searchTrash",
        group="Trash",
        method="GET",
        path="/millrace/trash/search",
        versions=("3.0",),
        request=SearchTrash,
        response=TrashReply,
        needs=reads(Results("experiments")),
        summary="List what is in the trash, the longest there first, with how much is in it.",
    ),
    Endpoint(
        name="restoreLoggedModel",
        group="Trash",
        method="POST",
        path="/millrace/logged-models/restore",
        versions=("3.0",),
        request=RestoreLoggedModel,
        response=Nothing,
        needs=edits(ExperimentOfModel("model_id")),
        summary="Take a logged model out of the trash.",
    ),
    Endpoint(
        name="emptyTrash",
        group="Trash",
        method="POST",
        path="/millrace/trash/empty",
        versions=("3.0",),
        request=EmptyTrash,
        response=TrashEmptied,
        needs=Needs(Permission.MANAGE, Admin()),
        body_limit=MIB,
        summary="Remove what is in the trash for good, artifacts too; or say what that would be.",
    ),
)
