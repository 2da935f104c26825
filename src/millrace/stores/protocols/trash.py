"""What was deleted, and its removal for good, in steps that may be taken again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from millrace.core.entities.audit import NO_TRAIL

if TYPE_CHECKING:
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.trash import Purged, TrashItem, TrashKind, TrashQuery
    from millrace.core.pages import Page


class TrashStore(Protocol):
    """What was deleted, and its removal for good, in steps that may be taken again.

    An experiment takes its runs and logged models along: they are in the trash when it is.
    """

    def find(self, query: TrashQuery) -> Page[TrashItem]:
        """What is in the trash, by the time of its deletion (unknown times first)."""
        ...

    def date(self, now_ms: int) -> Future[int]:
        """Let what was deleted at an unknown time count as deleted now; how many it was."""
        ...

    def strays(self) -> list[str]:
        """Artifact locations of runs and logged models that are not in a folder of their own name
        (`.../<id>/artifacts`): others may keep artifacts there, or they in others' folders."""
        ...

    def begin_purge(
        self,
        kind: TrashKind,
        id: str,  # noqa: A002 - the wire's word
        *,
        at_ms: int,
        deleted_before_ms: int | None = None,
        trail: Trail = NO_TRAIL,
    ) -> Future[bool]:
        """Mark a thing so that it can no longer be restored; again: nothing more happens.

        False, and nothing changes, when it is not in the trash (any more), or was not deleted
        before *deleted_before_ms*."""
        ...

    def purge(
        self,
        kind: TrashKind,
        id: str,  # noqa: A002 - as above
        *,
        limit: int,
        trail: Trail = NO_TRAIL,
    ) -> Future[Purged]:
        """Remove about *limit* records of a marked thing and of what depends on it, itself last.

        Names and data sets of an experiment go with the last run that used them. Nothing is done,
        and all is done, when it is not there. InvalidArgument: it is not marked, or it is an
        experiment that still has runs or logged models."""
        ...
