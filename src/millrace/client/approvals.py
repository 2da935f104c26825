"""Verbs for approval policies, requests to change guarded stages and aliases, and going back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from millrace.api.approvals import (
    CommentTransitionRequest,
    CreateTransitionRequest,
    DecideTransitionRequest,
    ListTransitionRequests,
    PoliciesReply,
    PolicyFor,
    PolicyOf,
    PolicyReply,
    RollBack,
    SearchTransitionRequests,
    SetApprovalPolicy,
    StepReply,
    TransitionRequestOf,
    TransitionRequestReply,
    TransitionRequestsReply,
)
from millrace.api.endpoint import Nothing
from millrace.client.registry import RegistryVerbs
from millrace.client.verbs import PagedList
from millrace.core.entities.approval import Policy
from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from millrace.core.entities.approval import ApprovalRequest, RequestState, Step


class ApprovalVerbs(RegistryVerbs):
    """Say who must agree to what, ask for it, agree to it, and go back."""

    # --- policies -------------------------------------------------------------------------------

    def set_approval_policy(self, policy: Policy | Mapping[str, object]) -> Policy:
        """Set the policy for a model or name pattern; a mapping is read as the document it is."""
        if not isinstance(policy, Policy):
            try:
                policy = msgspec.convert(dict(policy), Policy)
            except msgspec.ValidationError as error:
                raise InvalidArgument(f"This is no approval policy: {error}.") from error
        request = SetApprovalPolicy(policy=policy)
        return self._ask("setApprovalPolicy", request, PolicyReply).policy

    def get_approval_policy(self, name: str) -> Policy:
        """The policy that holds for a model; `NotFound` when none does."""
        return self._ask("getApprovalPolicy", PolicyFor(name=name), PolicyReply).policy

    def list_approval_policies(self) -> list[Policy]:
        """All policies by pattern."""
        return list(self._ask("listApprovalPolicies", Nothing(), PoliciesReply).policies)

    def delete_approval_policy(self, models: str) -> None:
        """Delete the policy with exactly that name or pattern."""
        self._ask("deleteApprovalPolicy", PolicyOf(models=models), Nothing)

    # --- requests -------------------------------------------------------------------------------

    def create_transition_request(  # noqa: PLR0913 - each tells something of the change
        self,
        name: str,
        version: str | int | None = None,
        stage: str | None = None,
        *,
        alias: str | None = None,
        archive_existing_versions: bool = False,
        rollback: bool = False,
        comment: str | None = None,
    ) -> ApprovalRequest:
        """Ask that a version enters a stage or gets an alias, or that one of them goes back."""
        request = CreateTransitionRequest(
            name=name,
            version=None if version is None else str(version),
            stage=stage,
            alias=alias,
            archive_existing_versions=archive_existing_versions or None,
            rollback=rollback or None,
            comment=comment,
        )
        return self._ask("createTransitionRequest", request, TransitionRequestReply).request

    def approve_transition_request(
        self, name: str, request_id: str, comment: str | None = None
    ) -> ApprovalRequest:
        """Agree; the last approval that is needed makes the change."""
        return self._decide("approveTransitionRequest", name, request_id, comment)

    def reject_transition_request(
        self, name: str, request_id: str, comment: str | None = None
    ) -> ApprovalRequest:
        """Reject a request, which ends it."""
        return self._decide("rejectTransitionRequest", name, request_id, comment)

    def delete_transition_request(
        self, name: str, request_id: str, comment: str | None = None
    ) -> ApprovalRequest:
        """Take a request of one's own back."""
        return self._decide("deleteTransitionRequest", name, request_id, comment)

    def _decide(
        self, endpoint: str, name: str, request_id: str, comment: str | None
    ) -> ApprovalRequest:
        request = DecideTransitionRequest(name=name, id=request_id, comment=comment)
        return self._ask(endpoint, request, TransitionRequestReply).request

    def comment_transition_request(
        self, name: str, request_id: str, comment: str
    ) -> ApprovalRequest:
        """Say something of a request without deciding it."""
        request = CommentTransitionRequest(name=name, id=request_id, comment=comment)
        return self._ask("commentTransitionRequest", request, TransitionRequestReply).request

    def get_transition_request(self, name: str, request_id: str) -> ApprovalRequest:
        """A request with its evidence and what was said of it."""
        request = TransitionRequestOf(name=name, id=request_id)
        return self._ask("getTransitionRequest", request, TransitionRequestReply).request

    def list_transition_requests(
        self,
        name: str,
        version: str | int | None = None,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> PagedList[ApprovalRequest]:
        """The requests about a model, or about a version of it, the oldest first."""
        request = ListTransitionRequests(
            name=name,
            version=None if version is None else str(version),
            max_results=max_results,
            page_token=page_token,
        )
        reply = self._ask("listTransitionRequests", request, TransitionRequestsReply)
        return PagedList(reply.requests, reply.next_page_token)

    def search_transition_requests(  # noqa: PLR0913 - each leaves some out
        self,
        name: str | None = None,
        *,
        states: Sequence[RequestState] = (),
        waiting_for_me: bool = False,
        mine: bool = False,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> PagedList[ApprovalRequest]:
        """The requests about all models, the latest first: those that I could agree to, those that
        I made, those that stand so. A page may hold fewer than *max_results* before the last."""
        request = SearchTransitionRequests(
            name=name,
            states=tuple(states) or None,
            waiting_for_me=waiting_for_me or None,
            mine=mine or None,
            max_results=max_results,
            page_token=page_token,
        )
        reply = self._ask("searchTransitionRequests", request, TransitionRequestsReply)
        return PagedList(reply.requests, reply.next_page_token)

    # --- going back -----------------------------------------------------------------------------

    def roll_back(
        self,
        name: str,
        stage: str | None = None,
        *,
        alias: str | None = None,
        comment: str | None = None,
    ) -> Step:
        """Return a stage or alias to what it was before its last change."""
        request = RollBack(name=name, stage=stage, alias=alias, comment=comment)
        return self._ask("rollBack", request, StepReply).step
