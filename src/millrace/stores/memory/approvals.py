"""Policies, requests and the history of places in dictionaries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from millrace.core.entities.approval import ApprovalRequest, Policy, Step
from millrace.core.entities.audit import NO_TRAIL
from millrace.core.errors import NotFound
from millrace.core.pages import Page
from millrace.stores import guarding

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from millrace.core.chain import Recorded
    from millrace.core.entities.access import Actor
    from millrace.core.entities.approval import Figures, Outcome, Verdict, Wish
    from millrace.core.entities.audit import Trail
    from millrace.core.entities.registry import (
        Manifest,
        ModelVersion,
        Move,
        RegisteredModel,
        Stage,
    )
    from millrace.core.pages import Position
    from millrace.stores.memory.ledger import Ledger
    from millrace.stores.memory.registry import MemoryRegistry


class MemoryApprovals:
    """The policies of one place and what is asked for under them."""

    def __init__(self, ledger: Ledger, registry: MemoryRegistry) -> None:
        self._ledger = ledger
        self._registry = registry
        self.by_pattern = ledger.table("approval_policies", Policy)
        self.by_id = ledger.table("approval_requests", ApprovalRequest)
        self.history = ledger.numbered("registry_steps", Step)
        self.last_step = 0

    def books(self, trail: Trail) -> MemoryBooks:
        """The records as `guarding` works on them; hold the lock."""
        return MemoryBooks(self._ledger, self._registry, self, trail)

    def policies(self) -> list[Policy]:
        """All policies by pattern."""
        with self._ledger.lock:
            return [self.by_pattern[one] for one in sorted(self.by_pattern)]

    def set_policy(self, policy: Policy, *, trail: Trail = NO_TRAIL) -> Future[Policy]:
        """Record a policy in place of the one with its pattern."""

        def put() -> Policy:
            before = self.by_pattern.get(policy.models)
            self.by_pattern[policy.models] = policy
            self._ledger.note(trail, "approval_policy", policy.models, before=before, after=policy)
            return policy

        return self._ledger.write(trail, put)

    def delete_policy(self, models: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a policy."""

        def drop() -> None:
            before = self.by_pattern.pop(models, None)
            if before is None:
                raise NotFound(f"There is no approval policy for {models!r}.")
            self._ledger.note(trail, "approval_policy", models, before=before)

        return self._ledger.write(trail, drop)

    def request(self, name: str, request_id: str) -> ApprovalRequest | None:
        """A request about the model of that name."""
        with self._ledger.lock:
            return self.books(NO_TRAIL).request(name, request_id)

    def open_requests(self, name: str) -> list[ApprovalRequest]:
        """Requests about the model that nobody decided yet, the oldest first."""
        with self._ledger.lock:
            return self.books(NO_TRAIL).open_requests(name)

    def requests(
        self,
        name: str | None,
        *,
        is_open: bool | None = None,
        newest_first: bool = False,
        limit: int,
        after: Position | None,
    ) -> Page[ApprovalRequest]:
        """Requests by creation time then id."""
        with self._ledger.lock:
            found = sorted(
                (
                    (one.creation_timestamp, one.id)
                    for one in self.by_id.values()
                    if (name is None or one.wish.name == name)
                    and (is_open is None or (one.state == "OPEN") == is_open)
                ),
                reverse=newest_first,
            )
            if after is not None:
                found = [one for one in found if (one < after if newest_first else one > after)]
            shown = tuple(self.by_id[one] for _, one in found[:limit])
        return Page(shown, found[limit - 1] if len(found) > limit else None)

    def ask(
        self,
        wish: Wish,
        figures: Mapping[str, Figures],
        made: ApprovalRequest,
        *,
        trail: Trail = NO_TRAIL,
    ) -> Future[ApprovalRequest]:
        """Record a request."""
        return self._ledger.write(
            trail, lambda: guarding.ask(self.books(trail), wish, figures, made)
        )

    def decide(  # noqa: PLR0913 - who says what of which request, and what is known
        self,
        name: str,
        request_id: str,
        verdict: Verdict,
        *,
        comment: str | None,
        actor: Actor,
        at_ms: int,
        figures: Mapping[str, Figures],
        trail: Trail = NO_TRAIL,
    ) -> Future[Outcome]:
        """Record what somebody says of a request."""
        return self._ledger.write(
            trail,
            lambda: guarding.decide(
                self.books(trail), name, request_id, verdict, comment, actor, at_ms, figures
            ),
        )

    def roll_back(self, wish: Wish, at_ms: int, *, trail: Trail = NO_TRAIL) -> Future[Step]:
        """Return a place to what it was before."""
        return self._ledger.write(trail, lambda: guarding.roll_back(self.books(trail), wish, at_ms))


class MemoryBooks:
    """`guarding.Books` in dictionaries."""

    def __init__(
        self, ledger: Ledger, registry: MemoryRegistry, tables: MemoryApprovals, trail: Trail
    ) -> None:
        self._ledger = ledger
        self._registry = registry
        self._tables = tables
        self._trail = trail

    @property
    def acting(self) -> str:
        """Who makes the change."""
        return "" if self._trail.act is None else self._trail.act.actor

    def policies(self) -> list[Policy]:
        """All policies."""
        return list(self._tables.by_pattern.values())

    def model(self, name: str) -> RegisteredModel:
        """The model."""
        return self._registry.record(name).entity()

    def version(self, name: str, version: int) -> ModelVersion:
        """The version."""
        self._registry.version_record(name, version)
        return self._registry.record(name).seen(version)

    def in_stage(self, name: str, stage: Stage) -> list[ModelVersion]:
        """The versions in a stage, the highest first."""
        model = self._registry.record(name)
        return [
            model.seen(number)
            for number in sorted(model.versions, reverse=True)
            if model.versions[number].base.current_stage == stage
        ]

    def manifest(self, name: str, version: int) -> Manifest | None:
        """The manifest of a version."""
        return self._registry.manifest(name, version)

    def move(self, move: Move) -> ModelVersion | None:
        """Make a move."""
        return self._registry.move_now(move, self._trail)

    def request(self, name: str, request_id: str) -> ApprovalRequest | None:
        """A request about the model of that name."""
        found = self._tables.by_id.get(request_id)
        return found if found is not None and found.wish.name == name else None

    def open_requests(self, name: str) -> list[ApprovalRequest]:
        """Requests that nobody decided yet."""
        found = [
            one
            for one in self._tables.by_id.values()
            if one.wish.name == name and one.state == "OPEN"
        ]
        return sorted(found, key=lambda one: (one.creation_timestamp, one.id))

    def put_request(self, request: ApprovalRequest) -> None:
        """Record a request anew."""
        self._tables.by_id[request.id] = request

    def steps(self, name: str) -> list[Step]:
        """The history, the newest first."""
        found = [one for one in self._tables.history.values() if one.name == name]
        return sorted(found, key=lambda one: -one.id)

    def next_step(self) -> int:
        """A fresh number."""
        self._tables.last_step += 1
        return self._tables.last_step

    def put_step(self, step: Step) -> None:
        """Record a step anew."""
        self._tables.history[step.id] = step

    def forget_steps(self, name: str) -> None:
        """Forget the history of a model."""
        for one in self.steps(name):
            del self._tables.history[one.id]

    def note(
        self, kind: str, name: str, *, before: Recorded = None, after: Recorded = None
    ) -> None:
        """Audit a change."""
        self._ledger.note(self._trail, kind, name, before=before, after=after)

    def tell(self, event: str, payload: Recorded) -> None:
        """Tell webhooks of an event."""
        self._ledger.emit(self._trail, event, payload)
