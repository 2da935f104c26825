"""Approval policies, requests under them, and going back to what was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from millrace.core.entities.audit import NO_TRAIL

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from millrace.core.entities.access import Actor
    from millrace.core.entities.approval import (
        ApprovalRequest,
        Figures,
        Outcome,
        Policy,
        Step,
        Verdict,
        Wish,
    )
    from millrace.core.entities.audit import Trail
    from millrace.core.pages import Page, Position


class ApprovalStore(Protocol):
    """Approval policies, requests under them, and going back. What `RegistryStore` changes is held
    against the policies in the same transaction: `PermissionDenied` where one stands against it."""

    def policies(self) -> list[Policy]:
        """All policies by pattern."""
        ...

    def set_policy(self, policy: Policy, *, trail: Trail = NO_TRAIL) -> Future[Policy]:
        """Record a policy in place of the one with its pattern."""
        ...

    def delete_policy(self, models: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a policy. NotFound."""
        ...

    def request(self, name: str, request_id: str) -> ApprovalRequest | None:
        """A request about the model of that name."""
        ...

    def open_requests(self, name: str) -> list[ApprovalRequest]:
        """Requests about the model that nobody decided yet, the oldest first."""
        ...

    def requests(
        self,
        name: str | None,
        *,
        is_open: bool | None = None,
        newest_first: bool = False,
        limit: int,
        after: Position | None,
    ) -> Page[ApprovalRequest]:
        """Requests about a model, or about all, by creation time then id. *is_open*: only those
        that nobody decided yet, whether or not they have run out, or only the others."""
        ...

    def ask(
        self,
        wish: Wish,
        figures: Mapping[str, Figures],
        made: ApprovalRequest,
        *,
        trail: Trail = NO_TRAIL,
    ) -> Future[ApprovalRequest]:
        """Record a request, its evidence taken from the records and *figures*, by version number.
        Conflict: a version in place has no figures there; PermissionDenied: a gate does not hold;
        InvalidArgument: no policy guards this."""
        ...

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
        """Record what somebody says of a request; the last approval makes the change. NotFound;
        PermissionDenied: it is closed or has run out, the actor may not, or a gate does not hold;
        PreconditionFailed: its evidence is stale; Conflict as above."""
        ...

    def roll_back(self, wish: Wish, at_ms: int, *, trail: Trail = NO_TRAIL) -> Future[Step]:
        """Return a place to what it was before its last change that still stands. NotFound: there
        is none; PermissionDenied: it has to be approved; InvalidArgument: the place was changed
        otherwise since."""
        ...
