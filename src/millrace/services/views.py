"""Saved views: who sees which, and who may change which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from millrace.api.endpoint import Nothing
from millrace.api.views import ViewReply, ViewsReply
from millrace.core import ids
from millrace.core.entities.overview import DAY_MS
from millrace.core.entities.view import View
from millrace.core.errors import NotFound, PermissionDenied
from millrace.core.rules import names
from millrace.core.rules import views as rules
from millrace.services.later import then

if TYPE_CHECKING:
    from concurrent.futures import Future

    from millrace.api.views import CreateView, SearchViews, UpdateView, ViewAt
    from millrace.services.context import Context
    from millrace.stores.protocols import TrackingStore, ViewStore

_NOTHING = Nothing()
_HOUR_MS: Final = 60 * 60 * 1_000
# A view that stands for an address is dropped when nobody has opened that for so long.
_UNUSED_DAYS: Final = 90
_CHANGEABLE = ("name", "description", "is_shared", "is_default", "format", "document")


class Views:
    """Decides about saved views; the store records."""

    def __init__(self, store: ViewStore, tracking: TrackingStore) -> None:
        self._store = store
        self._tracking = tracking
        self._tidied_ms = 0

    def create(self, ctx: Context, request: CreateView) -> ViewReply | Future[ViewReply]:
        """Save a view; one without a name only if it is not there."""
        experiment = request.experiment_id
        if experiment is not None:
            experiment = names.experiment_id(experiment)
            if self._tracking.experiment(experiment) is None:
                raise NotFound(f"No Experiment with id={experiment} exists.")
        view = View(
            view_id=ids.view_id(),
            experiment_id=experiment,
            name=request.name,
            description=request.description,
            owner=ctx.actor.name,
            is_shared=request.is_shared,
            is_default=request.is_default,
            format=request.format,
            document=request.document,
            created_ms=ctx.at_ms,
            updated_ms=ctx.at_ms,
        )
        rules.check(view)
        if not view.name:
            view = msgspec.structs.replace(view, view_id=_id_of(view))
            held = self._store.view(view.view_id)
            if held is not None and not held.name and held.document == view.document:
                self._note_use(ctx, held)
                return ViewReply(view=held)
            if held is not None:  # changed since, by its id
                view = msgspec.structs.replace(view, view_id=ids.view_id())
        kept = self._store.put_view(view, seen=None, trail=ctx.trail("view.create"))
        return then(kept, lambda one: ViewReply(view=one))

    def _note_use(self, ctx: Context, held: View) -> None:
        """That an address was used is written down once a day; nobody waits for that, and who came
        between has done the same."""
        if not held.name and ctx.at_ms - held.updated_ms >= DAY_MS:
            again = msgspec.structs.replace(held, updated_ms=ctx.at_ms, revision=held.revision + 1)
            self._store.put_view(again, seen=held.revision)

    def tidy(self, now_ms: int) -> None:
        """Drop, once an hour, views that stand for addresses which nobody opens any more."""
        if now_ms - self._tidied_ms >= _HOUR_MS:
            self._tidied_ms = now_ms
            self._store.forget_unnamed(now_ms - _UNUSED_DAYS * DAY_MS).result()

    def get(self, ctx: Context, request: ViewAt) -> ViewReply:
        """Get a view. Whoever has the address of one without a name may see it."""
        held = self._seen(ctx, request.view_id)
        self._note_use(ctx, held)
        return ViewReply(view=held)

    def search(self, ctx: Context, request: SearchViews) -> ViewsReply:
        """Views that are shared, or the caller's own."""
        experiment = request.experiment_id
        if request.everywhere:
            named = self._store.named_views()
            found = [msgspec.structs.replace(one, document="{}") for one in named]
        else:
            home = None if experiment is None else names.experiment_id(experiment)
            found = self._store.views(home)
        return ViewsReply(
            views=tuple(
                one for one in found if one.name and (one.is_shared or one.owner == ctx.actor.name)
            )
        )

    def update(self, ctx: Context, request: UpdateView) -> Future[ViewReply]:
        """Change a view: one's own, or a shared one."""
        held = self._seen(ctx, request.view_id)
        self._check_owner(ctx, held, request)
        given = {name: getattr(request, name) for name in _CHANGEABLE}
        changes = {name: value for name, value in given.items() if value is not None}
        changed = msgspec.structs.replace(
            held, updated_ms=ctx.at_ms, revision=held.revision + 1, **changes
        )
        seen = held.revision if request.seen_revision is None else request.seen_revision
        trail = ctx.trail("view.update")
        kept = self._store.put_view(rules.check(changed), seen=seen, trail=trail)
        return then(kept, lambda one: ViewReply(view=one))

    def delete(self, ctx: Context, request: ViewAt) -> Future[Nothing]:
        """Delete a view of one's own."""
        held = self._seen(ctx, request.view_id)
        if held.owner != ctx.actor.name:
            raise PermissionDenied(f"View {held.view_id!r} is {held.owner}'s, who may delete it.")
        gone = self._store.delete_view(held.view_id, trail=ctx.trail("view.delete"))
        return then(gone, lambda _: _NOTHING)

    def _seen(self, ctx: Context, view_id: str) -> View:
        held = rules.there(view_id, self._store.view(view_id))
        if held.name and not held.is_shared and held.owner != ctx.actor.name:
            raise NotFound(f"There is no view {view_id!r}.")
        return held

    @staticmethod
    def _check_owner(ctx: Context, held: View, request: UpdateView) -> None:
        if held.owner != ctx.actor.name and (not held.is_shared or request.is_shared is False):
            raise PermissionDenied(f"View {held.view_id!r} is {held.owner}'s, who may change that.")


def _id_of(view: View) -> str:
    """One view for one address, however often it is stored."""
    content = [view.experiment_id, view.description, view.format, view.document]
    return ids.view_id_of(msgspec.json.encode(content).decode())
