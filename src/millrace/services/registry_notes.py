"""What is said and known of registered models: comments, and where versions come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from millrace.api.endpoint import Nothing
from millrace.api.registry import CommentReply, CommentsReply, LineageReply
from millrace.core import ids, tags
from millrace.core.entities.model_server import ServersAsked
from millrace.core.entities.registry import (
    CodeVersion,
    Comment,
    Lineage,
    ModelVersion,
    VersionName,
)
from millrace.core.entities.run import Run
from millrace.core.errors import NotFound, PermissionDenied
from millrace.core.rules import limits, searching
from millrace.core.rules import registry as rules
from millrace.services.later import then
from millrace.services.origins import no_version

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from millrace.api.registry import (
        CommentOfModel,
        CreateComment,
        ListComments,
        UpdateComment,
        VersionOfModel,
    )
    from millrace.core.entities.audit import Trail
    from millrace.core.pages import Tokens
    from millrace.services.context import Context
    from millrace.stores.protocols import ModelServerStore, RegistryStore, TrackingStore

_NOTHING: Final = Nothing()
_read_version = msgspec.json.Decoder(ModelVersion).decode
_read_run = msgspec.json.Decoder(Run, strict=False).decode


class RegistryNotes:
    """Comments on models and versions, and the lineage of versions."""

    def __init__(
        self,
        store: RegistryStore,
        tracking: TrackingStore,
        tokens: Tokens,
        *,
        servers: ModelServerStore,
        refused: Callable[[Trail, str, str], Future[None]],
    ) -> None:
        self._servers = servers
        self._store = store
        self._tracking = tracking
        self._tokens = tokens
        self._refused = refused

    # --- lineage --------------------------------------------------------------------------------

    def lineage(self, ctx: Context, request: VersionOfModel) -> LineageReply:
        """What a version was made from, what was made from it, and what serves it."""
        number = rules.version_number(request.version)
        document = self._store.version(request.name, number)
        if document is None:
            raise no_version(request.name, request.version)
        version = _read_version(document)
        run = self._run(version.run_id)
        parent = self._store.parent(request.name, number)
        children = self._store.children(request.name, number)
        serving = self._servers.servers(
            ServersAsked(at_ms=ctx.at_ms, name=request.name, version=number), limit=limits.SERVERS
        )
        return LineageReply(
            lineage=Lineage(
                name=version.name,
                version=version.version,
                source=version.source,
                run_id=version.run_id or None,
                experiment_id=None if run is None else run.info.experiment_id,
                model_id=version.model_id,
                parent=None if parent is None else VersionName(name=parent[0], version=parent[1]),
                children=tuple(VersionName(name=name, version=at) for name, at in children),
                datasets=() if run is None else run.inputs.dataset_inputs,
                code=None if run is None else _code(run.data.tags),
                served_by=serving.items,
            )
        )

    def _run(self, run_id: str) -> Run | None:
        document = self._tracking.run(run_id) if run_id else None
        return None if document is None else _read_run(document)

    # --- comments -------------------------------------------------------------------------------

    def create(self, ctx: Context, request: CreateComment) -> Future[CommentReply]:
        """Say something of a model, or of a version of it."""
        version = request.version or None
        comment = Comment(
            id=ids.comment_id(),
            name=request.name,
            version=None if version is None else str(rules.version_number(version)),
            user_id=ctx.actor.name,
            is_verified=ctx.actor.verified,
            comment=rules.prose(request.comment, "comment") or "",
            creation_timestamp=ctx.at_ms,
            last_updated_timestamp=ctx.at_ms,
        )
        return _reply(self._store.add_comment(comment, trail=ctx.trail("comment.create")))

    def update(self, ctx: Context, request: UpdateComment) -> Future[CommentReply]:
        """Change a comment of one's own."""
        text = rules.prose(request.comment, "comment") or ""
        action = "comment.update"
        held = self._own(ctx, action, request.name, request.id)
        changed = self._store.change_comment(
            held.name, held.id, text, at_ms=ctx.at_ms, trail=ctx.trail(action)
        )
        return _reply(changed)

    def delete(self, ctx: Context, request: CommentOfModel) -> Future[Nothing]:
        """Delete a comment of one's own, or any as an administrator."""
        action = "comment.delete"
        held = self._own(ctx, action, request.name, request.id, or_admin=True)
        gone = self._store.delete_comment(held.name, held.id, trail=ctx.trail(action))
        return then(gone, lambda _: _NOTHING)

    def _own(
        self, ctx: Context, action: str, name: str, comment_id: str, *, or_admin: bool = False
    ) -> Comment:
        held = self._store.comment(name, comment_id)
        if held is None:
            raise NotFound(f"Registered model {name!r} has no comment {comment_id!r}.")
        if held.user_id != ctx.actor.name and not (or_admin and ctx.actor.is_admin):
            refusal = PermissionDenied(f"Comment {comment_id} is by {held.user_id!r}, not by you.")
            trail = ctx.refusal(action, refusal.message)
            self._refused(trail, "comment", comment_id).result()
            raise refusal
        return held

    def list(self, _ctx: Context, request: ListComments) -> CommentsReply:
        """Comments on a version, or on the model itself, in their order."""
        version = request.version or None
        number = None if version is None else rules.version_number(version)
        bound = ["comments", request.name, number]
        page = self._store.comments(
            request.name,
            number,
            limit=searching.limit(
                request.max_results, default=limits.COMMENTS_DEFAULT, most=limits.COMMENTS
            ),
            after=self._tokens.read(request.page_token, bound),
        )
        if not page.items and self._store.registered_model(request.name) is None:
            raise NotFound(f"Registered Model with name={request.name} not found.")
        return CommentsReply(
            comments=page.items, next_page_token=self._tokens.write(page.next, bound)
        )


def _code(held: Mapping[str, str]) -> CodeVersion | None:
    dirty = held.get(tags.GIT_DIRTY)
    code = CodeVersion(
        commit=held.get(tags.GIT_COMMIT),
        branch=held.get(tags.GIT_BRANCH),
        repository=held.get(tags.GIT_REPO_URL),
        is_dirty=None if dirty is None else dirty.lower() == "true",
        source=held.get(tags.SOURCE_NAME),
    )
    return None if code == CodeVersion() else code


def _reply(future: Future[Comment]) -> Future[CommentReply]:
    return then(future, lambda one: CommentReply(comment=one))
