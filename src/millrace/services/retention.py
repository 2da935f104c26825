"""Retention: what is in the trash, how large it is, and its removal for good, artifacts too.

A removal that stops at any step is taken up by the next one: a thing is marked, so that it cannot
come back half gone; then its artifacts are deleted, which may be done again; then its records, the
thing itself last. Where its artifacts cannot be reached, nothing is marked and it stays.

Deleted are only folders named after the thing itself (`.../<id>/artifacts`): the place that an
experiment was given is nobody's but the operator's.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from millrace.api.trash import Outcome, Removal
from millrace.core import uris
from millrace.core.entities.trash import KINDS, TrashItem, TrashKind, TrashQuery
from millrace.core.errors import InvalidArgument, MillraceError, Unavailable
from millrace.services import needs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from millrace.core.entities.audit import Trail
    from millrace.services.context import Context
    from millrace.services.needs import Versions, VersionsFrom
    from millrace.services.places import Places, Spot
    from millrace.stores.protocols import Stores

Policy = Literal["keep", "refuse"]

# So few records at a time that other writers hardly notice: some ten milliseconds.
RECORDS_AT_ONCE: Final = 5_000
_PAGE: Final = 500


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What to remove: what is named, or, where nothing is, all that is in the trash.

    `older_than_ms`: only what was deleted at least that long ago.
    """

    ids: Mapping[TrashKind, tuple[str, ...]] = {}
    older_than_ms: int | None = None


class Retention:
    """Empties the trash of *stores*. *registered*: what to do about what a model version needs."""

    def __init__(
        self,
        stores: Stores,
        places: Places,
        *,
        registry: VersionsFrom | None = None,
        registered: Policy = "keep",
    ) -> None:
        self._stores = stores
        self._places = places
        self._registry: VersionsFrom = stores.registry if registry is None else registry
        self._registered = registered

    def removals(self, ctx: Context, selection: Selection, *, dry_run: bool) -> Iterator[Removal]:
        """Remove what is selected, one thing after the other, and tell what became of each.

        With *dry_run* nothing changes and the same is told, as far as nobody interferes. Raises
        `InvalidArgument` before anything is removed: something named is not in the trash or too
        young, or a model version needs it and the policy is to refuse.
        """
        if not dry_run:
            self._stores.trash.date(ctx.at_ms).result()
        before = None if selection.older_than_ms is None else ctx.at_ms - selection.older_than_ms
        self._check_named(selection, before)
        if self._registered == "refuse":
            self._check_needed(selection, before)
        work = _Work(self, ctx, before, dry_run=dry_run)
        return work.of(selection)

    def _queries(self, selection: Selection, before: int | None) -> Iterator[TrashQuery]:
        for kind in KINDS:
            ids = selection.ids.get(kind)
            if ids or not any(selection.ids.values()):
                yield TrashQuery(kind=kind, ids=ids or None, deleted_before_ms=before, limit=_PAGE)

    def _check_named(self, selection: Selection, before: int | None) -> None:
        for kind, ids in selection.ids.items():
            there = {one.id: one for one in self.pages(TrashQuery(kind=kind, ids=ids, limit=_PAGE))}
            word = kind.replace("_", " ")
            for one in ids:
                if one not in there:
                    raise InvalidArgument(
                        f"There is no {word} {one} in the trash; nothing was removed. Only what "
                        "was deleted can be removed for good."
                    )
                deleted_ms, purging = there[one].deleted_ms, there[one].purging
                if before is not None and not purging and (deleted_ms or before) >= before:
                    raise InvalidArgument(
                        f"The {word} {one} is in the trash for less than that; nothing was removed."
                    )

    def _check_needed(self, selection: Selection, before: int | None) -> None:
        for query in self._queries(selection, before):
            for page in self._paged(query):
                for item, versions in self.needed(page).items():
                    raise InvalidArgument(
                        f"{_title(item)} is needed by {_named(versions)}; nothing was removed."
                    )

    def pages(self, query: TrashQuery) -> Iterator[TrashItem]:
        """All things that *query* finds, whatever is removed meanwhile."""
        for page in self._paged(query):
            yield from page

    def _paged(self, query: TrashQuery) -> Iterator[Sequence[TrashItem]]:
        while True:
            page = self._stores.trash.find(query)
            yield page.items
            if page.next is None:
                return
            query = msgspec.structs.replace(query, after=page.next)

    def contents(self, experiment_id: str) -> Iterator[Sequence[TrashItem]]:
        """Runs and logged models of an experiment in the trash, page by page."""
        for kind in ("run", "logged_model"):
            yield from self._paged(TrashQuery(kind=kind, experiment_id=experiment_id, limit=_PAGE))

    def needed(self, items: Sequence[TrashItem]) -> dict[TrashItem, Versions]:
        """Those of *items* that versions in the registry need, and which; of an experiment those
        that need one thing in it."""
        found: dict[TrashItem, Versions] = {}
        for item in items:
            if item.kind == "experiment":
                for page in self.contents(item.id):
                    if inside := self.needed(page):
                        found[item] = next(iter(inside.values()))
                        break
        things = [item for item in items if item.kind != "experiment"]
        return found | needs.needed(things, self._registry, self._places)

    @property
    def stores(self) -> Stores:
        """The records."""
        return self._stores

    @property
    def places(self) -> Places:
        """The artifacts."""
        return self._places

    def queries(self, selection: Selection, before: int | None) -> Iterator[TrashQuery]:
        """The searches that find what is selected, experiments first."""
        return self._queries(selection, before)


class _Work:
    """One emptying of the trash."""

    def __init__(
        self, retention: Retention, ctx: Context, before: int | None, *, dry_run: bool
    ) -> None:
        self._retention = retention
        self._trash = retention.stores.trash
        self._ctx = ctx
        self._before = before
        self._dry_run = dry_run
        self._strays = sorted(f"{uri.rstrip('/')}/" for uri in self._trash.strays())
        self._experiments: set[str] = set()

    def of(self, selection: Selection) -> Iterator[Removal]:
        for query in self._retention.queries(selection, self._before):
            for item in self._retention.pages(query):
                if item.kind == "experiment":
                    self._experiments.add(item.id)
                    yield from self._experiment(item)
                elif item.experiment_id not in self._experiments:
                    yield self._thing(item, before=self._before)

    def _experiment(self, item: TrashItem) -> Iterator[Removal]:
        """First marked, so that it cannot come back without what was in it; removed last."""
        if versions := self._retention.needed([item]).get(item):
            yield _removal(item, "kept", f"something in it is needed by {_named(versions)}")
            return
        if not self._dry_run and not self._begin(item, self._before):
            return
        left = 0
        for page in self._retention.contents(item.id):
            for inside in page:
                removal = self._thing(inside, before=None)
                left += removal.outcome in {"failed", "kept"}
                yield removal
        if left:
            yield _removal(item, "failed", f"{left} things in it could not be removed")
            return
        self._purge(item)
        yield _removal(item, self._done)

    def _thing(self, item: TrashItem, *, before: int | None) -> Removal:
        """Remove a run or a logged model."""
        if versions := self._retention.needed([item]).get(item):
            return _removal(item, "kept", f"it is needed by {_named(versions)}")
        try:
            folder = self._folder(item)
            files, size = measured(folder) if folder is not None else (0, 0)
            if folder is not None and not files and not item.purging:
                self._check_mounted(folder)
            if not self._dry_run:
                if not self._begin(item, before):
                    return _removal(item, "kept", "it is no longer in the trash")
                if folder is not None:
                    self._delete(folder)
        except MillraceError as error:
            return _removal(item, "failed", f"its artifacts are out of reach: {error.message}")
        self._purge(item)
        return msgspec.structs.replace(
            _removal(item, self._done),
            files=files,
            bytes=size,
            left=None if folder else item.artifact_uri,
        )

    @property
    def _done(self) -> Outcome:
        return "would_remove" if self._dry_run else "removed"

    def _begin(self, item: TrashItem, before: int | None) -> bool:
        begun = self._trash.begin_purge(
            item.kind, item.id, at_ms=self._ctx.at_ms, deleted_before_ms=before
        )
        return begun.result()

    def _purge(self, item: TrashItem) -> None:
        if self._dry_run:
            return
        trail = self._trail(f"{item.kind}.purge")
        while (
            not self._trash.purge(item.kind, item.id, limit=RECORDS_AT_ONCE, trail=trail)
            .result()
            .done
        ):
            pass

    def _trail(self, action: str) -> Trail:
        # Each step is safe to repeat by itself, and a receipt would stand for all of them.
        return msgspec.structs.replace(self._ctx.trail(action), receipt=None)

    def _folder(self, item: TrashItem) -> Spot | None:
        """Its artifacts; None where they are not in a folder of its own, or shared."""
        parent, mark, query = item.artifact_uri.partition("?")
        own = f"{item.id}/artifacts"
        if not parent.endswith(f"/{own}") or self._is_shared(parent):
            return None
        uris.safe_path(own)
        root = parent.removesuffix(f"/{own}")
        if root.endswith((":", ":/")):
            root = f"{root.rstrip('/')}/"
        return self._retention.places.at(f"{root}{mark}{query}").at(own)

    def _is_shared(self, uri: str) -> bool:
        """Whether something that is not removed keeps artifacts in there, or it in theirs."""
        own = f"{uri}/"
        place = bisect_left(self._strays, own)
        if place < len(self._strays) and self._strays[place].startswith(own):
            return True
        return any(own.startswith(stray) for stray in self._above(own))

    def _above(self, uri: str) -> Iterator[str]:
        at = uri.find("/")
        while at >= 0:
            above = uri[: at + 1]
            place = bisect_left(self._strays, above)
            if self._strays[place : place + 1] == [above]:
                yield above
            at = uri.find("/", at + 1)

    def _check_mounted(self, folder: Spot) -> None:
        """Files that are gone are no obstacle; a store that shows nothing at all may be away."""
        recorded = next(iter(self._retention.stores.artifacts.below(folder.uri)), None)
        if recorded is not None and not any(True for _ in folder.store.list()):
            raise Unavailable(
                "the store is empty or not mounted, though files in it were recorded. To remove "
                "the records all the same, put any file there first."
            )

    def _delete(self, folder: Spot) -> None:
        folder.store.delete(folder.path)
        above = folder.path.rpartition("/")[0]
        if above and not any(True for _ in folder.store.list(above)):
            folder.store.delete(above)  # the empty folder of its name
        self._retention.stores.artifacts.forget(folder.uri).result()


def measured(spot: Spot) -> tuple[int, int]:
    """Files and bytes of a file, or below a folder."""
    stat = spot.store.stat(spot.path) if spot.path else None
    sizes = [*sizes_below(spot), *([] if stat is None else [stat.size])]
    return len(sizes), sum(sizes)


def sizes_below(folder: Spot) -> Iterator[int]:
    """The size of each file below a folder, as it is found."""
    waiting = [folder.path]
    while waiting:
        for entry in folder.store.list(waiting.pop()):
            if entry.is_dir:
                waiting.append(entry.path)
            else:
                yield entry.file_size or 0


def _removal(item: TrashItem, outcome: Outcome, reason: str | None = None) -> Removal:
    return Removal(
        kind=item.kind,
        id=item.id,
        name=item.name,
        experiment_id=item.experiment_id,
        outcome=outcome,
        reason=reason,
        # Those of an experiment are told of its runs.
        points=0 if item.kind == "experiment" else item.points,
    )


def _title(item: TrashItem) -> str:
    return f"The {item.kind.replace('_', ' ')} {item.id}"


def _named(versions: Versions) -> str:
    name, version = versions[0]
    more = f" and {len(versions) - 1} more" if len(versions) > 1 else ""
    return f"model version {name}/{version}{more}"
