"""Saved views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from millrace.core.entities.audit import NO_TRAIL, Trail

if TYPE_CHECKING:
    from concurrent.futures import Future

    from millrace.core.entities.view import View


class ViewStore(Protocol):
    """Records of saved views. Who may see which is decided by services."""

    def view(self, view_id: str) -> View | None: ...

    def views(self, experiment_id: str | None) -> list[View]:
        """Views of an experiment, or those of none, by name then id."""
        ...

    def named_views(self) -> list[View]:
        """All views that have a name, by name then id."""
        ...

    def put_view(self, view: View, *, seen: int | None, trail: Trail = NO_TRAIL) -> Future[View]:
        """Record a view; *seen*: in place of its revision of that number (None: it is new). What is
        a default now takes that place from another. NotFound; Conflict: it was changed meanwhile;
        AlreadyExists."""
        ...

    def forget_unnamed(self, before_ms: int) -> Future[int]:
        """Drop views without a name that were written last before that; how many."""
        ...

    def delete_view(self, view_id: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a view. NotFound."""
        ...
