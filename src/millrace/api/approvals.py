"""Approval policies, requests to change guarded stages and aliases, and going back."""

from __future__ import annotations

from millrace.api.endpoint import (
    Admin,
    Endpoint,
    Id,
    Int64,
    Needs,
    Nothing,
    RegisteredModel,
    Reply,
    Request,
    Results,
    edits,
    reads,
)
from millrace.core.entities import approval as entities
from millrace.core.entities import registry
from millrace.core.entities.access import Permission


class SetApprovalPolicy(Request, frozen=True, kw_only=True):
    policy: entities.Policy


class PolicyReply(Reply, frozen=True, kw_only=True):
    policy: entities.Policy


class PolicyOf(Request, frozen=True, kw_only=True):
    models: Id


class PolicyFor(Request, frozen=True, kw_only=True):
    name: Id


class PoliciesReply(Reply, frozen=True, kw_only=True):
    policies: tuple[entities.Policy, ...] = ()


class CreateTransitionRequest(Request, frozen=True, kw_only=True):
    name: Id
    version: str | None = None
    stage: str | None = None
    alias: str | None = None
    archive_existing_versions: bool | None = None
    rollback: bool | None = None
    comment: str | None = None


class DecideTransitionRequest(Request, frozen=True, kw_only=True):
    """Which request: by `id`, or by version and stage or alias where one only is open."""

    name: Id
    id: str | None = None
    version: str | None = None
    stage: str | None = None
    alias: str | None = None
    archive_existing_versions: bool | None = None
    comment: str | None = None


class TransitionRequestOf(Request, frozen=True, kw_only=True):
    name: Id
    id: Id


class CommentTransitionRequest(Request, frozen=True, kw_only=True):
    name: Id
    id: Id
    comment: Id


class ListTransitionRequests(Request, frozen=True, kw_only=True):
    name: Id
    version: str | None = None
    max_results: Int64 | None = None
    page_token: str | None = None


class SearchTransitionRequests(Request, frozen=True, kw_only=True):
    """`states`: OPEN, APPROVED, REJECTED, CANCELLED, EXPIRED; all when none is named.
    `waiting_for_me`: only those that the caller could agree to now. `mine`: only the caller's."""

    name: str | None = None
    states: tuple[entities.RequestState, ...] | None = None
    waiting_for_me: bool | None = None
    mine: bool | None = None
    max_results: Int64 | None = None
    page_token: str | None = None


class TransitionRequestReply(Reply, frozen=True, kw_only=True):
    request: entities.ApprovalRequest
    model_version: registry.ModelVersion | None = None


class TransitionRequestsReply(Reply, frozen=True, kw_only=True):
    requests: tuple[entities.ApprovalRequest, ...] = ()
    next_page_token: str | None = None


class RollBack(Request, frozen=True, kw_only=True):
    name: Id
    stage: str | None = None
    alias: str | None = None
    comment: str | None = None


class StepReply(Reply, frozen=True, kw_only=True):
    step: entities.Step


_MODEL = RegisteredModel("name")
_GROUP = "Approvals"
_MANAGE = Needs(Permission.MANAGE, Admin())

ROWS: tuple[Endpoint, ...] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="setApprovalPolicy",
        group=_GROUP,
        method="POST",
        path="/mlflow/approval-policies/set",
        request=SetApprovalPolicy,
        response=PolicyReply,
        needs=_MANAGE,
        summary="Set the approval policy for a model or a name pattern.",
    ),
    Endpoint(
        name="getApprovalPolicy",
        group=_GROUP,
        method="GET",
        path="/mlflow/approval-policies/get",
        request=PolicyFor,
        response=PolicyReply,
        needs=reads(_MODEL),
        summary="Get the policy that holds for a model: the most specific one that matches.",
    ),
    Endpoint(
        name="listApprovalPolicies",
        group=_GROUP,
        method="GET",
        path="/mlflow/approval-policies/list",
        request=Nothing,
        response=PoliciesReply,
        needs=Needs(Permission.READ, Admin()),
        summary="List all approval policies.",
    ),
    Endpoint(
        name="deleteApprovalPolicy",
        group=_GROUP,
        method="DELETE",
        path="/mlflow/approval-policies/delete",
        request=PolicyOf,
        response=Nothing,
        needs=_MANAGE,
        summary="Delete the approval policy with that pattern.",
    ),
    Endpoint(
        name="createTransitionRequest",
        group=_GROUP,
        method="POST",
        path="/mlflow/transition-requests/create",
        request=CreateTransitionRequest,
        response=TransitionRequestReply,
        needs=edits(_MODEL),
        summary="Ask for a guarded stage or alias to be changed; the evidence is frozen.",
    ),
    Endpoint(
        name="approveTransitionRequest",
        group=_GROUP,
        method="POST",
        path="/mlflow/transition-requests/approve",
        request=DecideTransitionRequest,
        response=TransitionRequestReply,
        needs=edits(_MODEL),
        summary="Agree to a request; the last approval that it needs makes the change.",
    ),
    Endpoint(
        name="rejectTransitionRequest",
        group=_GROUP,
        method="POST",
        path="/mlflow/transition-requests/reject",
        request=DecideTransitionRequest,
        response=TransitionRequestReply,
        needs=edits(_MODEL),
        summary="Reject a request, which ends it.",
    ),
    Endpoint(
        name="deleteTransitionRequest",
        group=_GROUP,
        method="DELETE",
        path="/mlflow/transition-requests/delete",
        request=DecideTransitionRequest,
        response=TransitionRequestReply,
        needs=edits(_MODEL),
        summary="Take one's own request back.",
    ),
    Endpoint(
        name="commentTransitionRequest",
        group=_GROUP,
        method="POST",
        path="/mlflow/transition-requests/comment",
        request=CommentTransitionRequest,
        response=TransitionRequestReply,
        needs=edits(_MODEL),
        summary="Say something of a request without deciding it.",
    ),
    Endpoint(
        name="getTransitionRequest",
        group=_GROUP,
        method="GET",
        path="/mlflow/transition-requests/get",
        request=TransitionRequestOf,
        response=TransitionRequestReply,
        needs=reads(_MODEL),
        summary="Get a request with its evidence and what was said of it.",
    ),
    Endpoint(
        name="listTransitionRequests",
        group=_GROUP,
        method="GET",
        path="/mlflow/transition-requests/list",
        request=ListTransitionRequests,
        response=TransitionRequestsReply,
        needs=reads(_MODEL),
        summary="List the requests about a model, or about a version of it, the oldest first.",
    ),
    Endpoint(
        name="searchTransitionRequests",
        group=_GROUP,
        method="GET",
        path="/mlflow/transition-requests/search",
        request=SearchTransitionRequests,
        response=TransitionRequestsReply,
        needs=reads(Results("registered models")),
        summary="Find requests about all models, the latest first; page by page.",
    ),
    Endpoint(
        name="rollBack",
        group=_GROUP,
        method="POST",
        path="/mlflow/registered-models/rollback",
        request=RollBack,
        response=StepReply,
        needs=edits(_MODEL),
        summary="Return a stage or alias to what it was before its last change.",
    ),
)
