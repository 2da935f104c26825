"""The trash in memory: what is in it, and its removal at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from millrace.core.entities.audit import NO_TRAIL
from millrace.core.entities.trash import Purged, TrashItem
from millrace.core.errors import InvalidArgument
from millrace.core.pages import Page

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping
    from concurrent.futures import Future

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.trash import TrashKind, TrashQuery
    from millrace.stores.memory.evaluation import MemoryEvaluation
    from millrace.stores.memory.ledger import Ledger
    from millrace.stores.memory.records import Held, ModelRecord, RunRecord


class MemoryTrash:
    """What was deleted of the records of one place."""

    def __init__(self, ledger: Ledger, held: Held, evaluation: MemoryEvaluation) -> None:
        self._ledger = ledger
        self._held = held
        self._evaluation = evaluation

    def find(self, query: TrashQuery) -> Page[TrashItem]:
        """What is in the trash, by the time of its deletion."""
        with self._ledger.lock:
            found = [item for item in self._items(query.kind) if self._fits(item, query)]
        found.sort(key=_place)
        if query.after is not None:
            found = [item for item in found if _place(item) > query.after]
        page = tuple(found[: query.limit])
        return Page(page, _place(page[-1]) if len(found) > query.limit else None)

    def _fits(self, item: TrashItem, query: TrashQuery) -> bool:
        if query.ids is not None and item.id not in query.ids:
            return False
        if query.experiment_id not in {None, item.experiment_id}:
            return False
        if query.deleted_before_ms is not None and not (
            item.purging
            or (item.deleted_ms is not None and item.deleted_ms < query.deleted_before_ms)
        ):
            return False
        is_along = item.kind != "experiment" and self._is_deleted(item.experiment_id)
        return not (query.alone and is_along)

    def _is_deleted(self, experiment_id: str) -> bool:
        return self._held.experiments[experiment_id].lifecycle_stage == "deleted"

    def _items(self, kind: TrashKind) -> Iterator[TrashItem]:
        held = self._held
        match kind:
            case "experiment":
                for one in held.experiments.values():
                    if one.lifecycle_stage == "deleted":
                        yield self._experiment(one.experiment_id)
            case "run":
                for run in held.runs.values():
                    if run.base.lifecycle_stage == "deleted":
                        yield TrashItem(
                            kind=kind,
                            id=run.base.run_id,
                            name=run.base.run_name,
                            experiment_id=run.base.experiment_id,
                            artifact_uri=run.base.artifact_uri,
                            deleted_ms=run.deleted_ms,
                            purging=run.base.run_id in held.purging,
                            points=sum(len(series.points) for series in run.series.values()),
                        )
            case "logged_model":
                for model in held.models.values():
                    home = model.base.experiment_id
                    if model.deleted or self._is_deleted(home):
                        along = held.deleted_ms.get(home)
                        yield TrashItem(
                            kind=kind,
                            id=model.base.model_id,
                            name=model.base.name,
                            experiment_id=home,
                            artifact_uri=model.base.artifact_uri,
                            deleted_ms=along if model.deleted_ms is None else model.deleted_ms,
                            purging=model.base.model_id in held.purging,
                            points=len(model.metrics),
                        )

    def _experiment(self, experiment_id: str) -> TrashItem:
        held = self._held
        one = held.experiments[experiment_id]
        runs = [run for run in held.runs.values() if run.base.experiment_id == experiment_id]
        models = [m for m in held.models.values() if m.base.experiment_id == experiment_id]
        return TrashItem(
            kind="experiment",
            id=experiment_id,
            name=one.name,
            experiment_id=experiment_id,
            artifact_uri=one.artifact_location,
            deleted_ms=held.deleted_ms.get(experiment_id),
            purging=experiment_id in held.purging,
            runs=len(runs),
            logged_models=len(models),
            points=sum(len(series.points) for run in runs for series in run.series.values()),
        )

    def date(self, now_ms: int) -> Future[int]:
        """Let what was deleted at an unknown time count as deleted now."""
        return self._ledger.write(NO_TRAIL, lambda: self._date(now_ms))

    def _date(self, now_ms: int) -> int:
        held = self._held
        undated = [
            one.experiment_id
            for one in held.experiments.values()
            if one.lifecycle_stage == "deleted" and held.deleted_ms.get(one.experiment_id) is None
        ]
        held.deleted_ms |= dict.fromkeys(undated, now_ms)
        runs = [r for r in held.runs.values() if r.base.lifecycle_stage == "deleted"]
        models = [m for m in held.models.values() if m.deleted]
        changed: list[RunRecord | ModelRecord] = [one for one in runs if one.deleted_ms is None]
        changed += [one for one in models if one.deleted_ms is None]
        for one in changed:
            one.deleted_ms = now_ms
        return len(undated) + len(changed)

    def strays(self) -> list[str]:
        """Artifact locations that are not in a folder named after their owner."""
        held = self._held
        with self._ledger.lock:
            places = [(run.base.run_id, run.base.artifact_uri) for run in held.runs.values()]
            places += [(m.base.model_id, m.base.artifact_uri) for m in held.models.values()]
            return [
                uri
                for owner, uri in places
                if not uri.endswith(f"/{owner}/artifacts") and owner not in held.purging
            ]

    def begin_purge(
        self,
        kind: TrashKind,
        id: str,  # noqa: A002 - the wire's word
        *,
        at_ms: int,  # noqa: ARG002 - by the protocol
        deleted_before_ms: int | None = None,
        trail: Trail = NO_TRAIL,
    ) -> Future[bool]:
        """Mark a thing so that it can no longer be restored."""
        return self._ledger.write(trail, lambda: self._begin(kind, id, deleted_before_ms))

    def _begin(self, kind: TrashKind, id_: str, deleted_before_ms: int | None) -> bool:
        item = next((one for one in self._items(kind) if one.id == id_), None)
        if item is None:
            return False
        is_old = deleted_before_ms is None or (
            item.deleted_ms is not None and item.deleted_ms < deleted_before_ms
        )
        if item.purging or is_old:
            self._held.purging.add(id_)
            return True
        return False

    def purge(
        self,
        kind: TrashKind,
        id: str,  # noqa: A002 - as above
        *,
        limit: int,  # noqa: ARG002 - all of it costs nothing here
        trail: Trail = NO_TRAIL,
    ) -> Future[Purged]:
        """Remove a marked thing with all that depends on it."""
        return self._ledger.write(trail, lambda: self._purge(kind, id, trail))

    def _purge(self, kind: TrashKind, id_: str, trail: Trail) -> Purged:
        held = self._held
        homes: dict[TrashKind, MutableMapping[str, Any]] = {
            "experiment": held.experiments,
            "run": held.runs,
            "logged_model": held.models,
        }
        if id_ not in homes[kind]:
            return Purged()
        if id_ not in held.purging:
            raise InvalidArgument(f"The removal of {kind} {id_} was not begun.")
        item = next(one for one in self._items(kind) if one.id == id_)
        if kind == "experiment":
            if item.runs or item.logged_models:
                raise InvalidArgument(
                    f"Experiment {id_} still has runs or logged models; they go first."
                )
            held.deleted_ms.pop(id_, None)
            self._evaluation.unlink(id_)
        del homes[kind][id_]
        held.purging.discard(id_)
        held.forget_unused_datasets()
        before = {
            "name": item.name,
            "experiment_id": item.experiment_id,
            "artifact_uri": item.artifact_uri,
        }
        self._ledger.note(trail, kind, id_, before=before)
        return Purged(records=1)


def _place(item: TrashItem) -> tuple[int, str]:
    return -1 if item.deleted_ms is None else item.deleted_ms, item.id
