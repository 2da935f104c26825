"""Saved views in a dictionary."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.view import View
from millrace.core.rules import views as rules

if TYPE_CHECKING:
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.stores.memory.ledger import Ledger


class MemoryViews:
    """The saved views of one place."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._views = ledger.table("views", View)

    def view(self, view_id: str) -> View | None:
        """The view of that id."""
        with self._ledger.lock:
            return self._views.get(view_id)

    def views(self, experiment_id: str | None) -> list[View]:
        """Views of an experiment, or those of none."""
        with self._ledger.lock:
            found = [one for one in self._views.values() if one.experiment_id == experiment_id]
        return sorted(found, key=rules.place)

    def named_views(self) -> list[View]:
        """All views that have a name."""
        with self._ledger.lock:
            found = [one for one in self._views.values() if one.name]
        return sorted(found, key=rules.place)

    def put_view(self, view: View, *, seen: int | None, trail: Trail = NO_TRAIL) -> Future[View]:
        """Record a view."""

        def put() -> View:
            before = self._views.get(view.view_id)
            rules.check_seen(view.view_id, before, seen)
            for other in list(self._views.values()):
                if other.gives_way_to(view):
                    self._views[other.view_id] = replace(other, is_default=False)
            self._views[view.view_id] = view
            self._ledger.note(trail, "view", view.view_id, before=before, after=view)
            return view

        return self._ledger.write(trail, put)

    def forget_unnamed(self, before_ms: int) -> Future[int]:
        """Drop views without a name that nobody has written for long."""

        def forget() -> int:
            old = [one.view_id for one in self._views.values() if rules.is_stale(one, before_ms)]
            for view_id in old:
                del self._views[view_id]
            return len(old)

        return self._ledger.write(NO_TRAIL, forget)

    def delete_view(self, view_id: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a view."""

        def remove() -> None:
            before = rules.there(view_id, self._views.get(view_id))
            del self._views[view_id]
            self._ledger.note(trail, "view", view_id, before=before)

        return self._ledger.write(trail, remove)
