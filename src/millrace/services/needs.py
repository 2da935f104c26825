"""What versions in the registry still need: runs and logged models that may not go for good.

A version needs what it says it comes from, and whatever its files belong to: one may be registered
by the bare place of its files, and name no run.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from millrace.core.entities.trash import TrashItem
    from millrace.services.places import Places

Versions = list[tuple[str, str]]


class VersionsFrom(Protocol):
    """The part of the registry that is asked whether something is still needed."""

    def versions_from(
        self, *, run_ids: Sequence[str] = (), model_ids: Sequence[str] = ()
    ) -> dict[str, Versions]:
        """Versions (name, version) that come from these runs and logged models, by their ids."""
        ...

    def versions_elsewhere(self) -> list[tuple[str, str, str]]:
        """Versions (name, version, place) with files that are not in the folder of those."""
        ...


def needed(
    items: Sequence[TrashItem], registry: VersionsFrom, places: Places
) -> dict[TrashItem, Versions]:
    """Those of *items*, runs and logged models, that versions need, and which versions.

    Reads the places of versions whose origin does not account for them, once for all *items*.
    """
    if not items:
        return {}
    found = registry.versions_from(
        run_ids=[item.id for item in items if item.kind == "run"],
        model_ids=[item.id for item in items if item.kind == "logged_model"],
    )
    folders = _Folders(items, places)
    for name, version, where in registry.versions_elsewhere():
        for id_ in folders.met_by(where):
            held = found.setdefault(id_, [])
            if (name, version) not in held:
                held.append((name, version))
    return {item: found[item.id] for item in items if item.id in found}


class _Folders:
    """Where the artifacts of things are."""

    def __init__(self, items: Sequence[TrashItem], places: Places) -> None:
        self._places = places
        self._ids = {item.id for item in items}
        self._by_folder: dict[str, list[str]] = {}
        for item in items:
            if item.artifact_uri:  # another tracker's run may have come without
                self._by_folder.setdefault(self._folder(item.artifact_uri), []).append(item.id)
        self._folders = sorted(self._by_folder)

    def _folder(self, uri: str) -> str:
        return f"{self._places.name_of(uri).partition('?')[0].rstrip('/')}/"

    def met_by(self, where: str) -> set[str]:
        """Ids of those whose artifacts are in a place, around it, or there."""
        if not where:
            return set()
        return {*self._named_in(where), *self._around(where), *self._inside(where)}

    def _named_in(self, where: str) -> Iterator[str]:
        """A folder that bears an id is that thing's, however the way to it is written."""
        segments = where.partition("?")[0].split("/")
        for id_, below in pairwise(segments):
            if below == "artifacts" and id_ in self._ids:
                yield id_
        if segments[0] in {"runs:", "models:"}:
            yield from self._ids.intersection([next(filter(None, segments[1:]), "")])

    def _around(self, where: str) -> Iterator[str]:
        folder = self._folder(where)
        at = folder.find("/")
        while at >= 0:
            yield from self._by_folder.get(folder[: at + 1], ())
            at = folder.find("/", at + 1)

    def _inside(self, where: str) -> Iterator[str]:
        folder = self._folder(where)
        for at in range(bisect_left(self._folders, folder), len(self._folders)):
            if not self._folders[at].startswith(folder):
                return
            yield from self._by_folder[self._folders[at]]
