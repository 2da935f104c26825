"""What has changed since somebody looked: the audit trail, and what was logged to runs."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from millrace.api.events import Event
from millrace.core.entities.run import Run
from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from millrace.api.events import ListenEvents, Topic
    from millrace.core.entities.audit import Link
    from millrace.stores.protocols import AuditStore, Stores

_AT_ONCE: Final = 1_000
_TOPICS: Final[Mapping[str, Topic]] = {
    "experiment": "experiments",
    "run": "runs",
    "logged_model": "runs",
    "registered_model": "registry",
    "model_version": "registry",
    "comment": "registry",
    "files": "registry",
    "approval_policy": "approvals",
    "transition_request": "approvals",
    "webhook": "webhooks",
    "webhook_delivery": "webhooks",
}
_IN_EXPERIMENTS: Final = frozenset({"experiments", "runs"})
_IDS_KEPT: Final = 20_000
_DIGITS: Final = 18

Place = tuple[int, ...]
"""The last entry of each audit trail that was seen."""


class Told(msgspec.Struct, frozen=True):
    """An event, and where to go on after it; None for one that is not in the trail."""

    event: Event
    place: Place | None = None


class Wanted:
    """Which events somebody listens to."""

    def __init__(self, request: ListenEvents) -> None:
        self._topics = frozenset(request.topics)
        self._experiments = frozenset(request.experiment_ids)
        self._runs = frozenset(request.run_ids)
        self.run_ids = request.run_ids

    def __call__(self, event: Event) -> bool:
        """Whether *event* is one of them."""
        if event.type == "reset":
            return True
        if self._topics and event.topic not in self._topics:
            return False
        if event.topic not in _IN_EXPERIMENTS or not (self._experiments or self._runs):
            return True
        return event.id in self._runs or event.experiment_id in self._experiments


class Events:
    """Reads what is new in the records of one place; the registry may be in another."""

    def __init__(self, stores: Stores, registry: Stores) -> None:
        self._tracking = stores.tracking
        self._changes = stores.changes
        trails: list[AuditStore] = [stores.audit]
        if registry is not stores:
            trails.append(registry.audit)
        self._trails = trails
        self._experiment_of_run = lru_cache(_IDS_KEPT)(self._look_up)

    def end(self) -> Place:
        """The present end of the trails."""
        return tuple(last.seq if (last := trail.last()) else 0 for trail in self._trails)

    def place(self, text: str) -> Place:
        """The place that an event's id names."""
        parts = text.split(".")
        if len(parts) != len(self._trails) or not all(
            part.isascii() and part.isdigit() and len(part) <= _DIGITS for part in parts
        ):
            raise InvalidArgument(
                f"Last-Event-ID {text[:80]!r} is none of this server's. Leave it out to begin now."
            )
        return tuple(map(int, parts))

    def since(self, place: Place) -> tuple[list[Told], Place]:
        """Events of the trails after *place*, and where to go on."""
        told: list[Told] = []
        for number, trail in enumerate(self._trails):
            links = trail.links(after=place[number], limit=_AT_ONCE)
            if len(links) == _AT_ONCE:
                last = trail.last()
                place = _moved(place, number, last.seq if last else links[-1].seq)
                at_ms = _entry(links[-1])["at_ms"]
                told.append(Told(Event(type="reset", topic="other", at_ms=at_ms), place))
                continue
            for link in links:
                place = _moved(place, number, link.seq)
                told.append(Told(self._event(_entry(link)), place))
        return told, place

    def logged(
        self, seen: dict[str, int], run_ids: Iterable[str], at_ms: int, *, is_first: bool
    ) -> list[Told]:
        """Runs that were logged to since *seen*, which is brought up to date; *is_first*: it is
        only looked how far they are."""
        told = []
        for one in self._changes.revisions(list(run_ids)):
            before = seen.get(one.run_id)
            seen[one.run_id] = one.revision
            if before == one.revision or is_first:
                continue
            event = Event(
                type="run.data",
                topic="runs",
                kind="run",
                id=one.run_id,
                experiment_id=one.experiment_id,
                at_ms=at_ms,
            )
            told.append(Told(event))
        while len(seen) > _IDS_KEPT:
            del seen[next(iter(seen))]
        return told

    def _event(self, entry: Mapping[str, Any]) -> Event:
        kind, id_, action = entry["kind"], entry["id"], entry["action"]
        topic = _TOPICS.get(kind, "other")
        if action.startswith(("transition_request.", "approval")):
            topic = "approvals"
        experiment = id_ if kind == "experiment" else None
        if kind == "run":
            named = entry.get("changes", {}).get("experiment_id")
            experiment = named[1] if named and named[1] else self._experiment_of_run(id_)
        return Event(
            type=action,
            topic=topic,
            kind=kind,
            id=id_,
            experiment_id=experiment,
            at_ms=entry["at_ms"],
            actor=entry["actor"],
        )

    def _look_up(self, run_id: str) -> str | None:
        raw = self._tracking.run(run_id)
        if raw is None:
            return None
        return msgspec.json.decode(raw, type=Run, strict=False).info.experiment_id


def written(place: Place) -> str:
    """The id of an event after which *place* is where to go on."""
    return ".".join(map(str, place))


def _moved(place: Place, number: int, seq: int) -> Place:
    return (*place[:number], seq, *place[number + 1 :])


def _entry(link: Link) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(link.text)
    return found
