"""Approvals: policies, requests with their evidence, decisions about them, and going back.

What is decided on comes from the registry's records, which the store reads in the transaction of
the decision, and from outside of them (runs, files): that is gathered here, right before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from millrace.api.approvals import (
    PoliciesReply,
    PolicyReply,
    StepReply,
    TransitionRequestReply,
    TransitionRequestsReply,
)
from millrace.api.endpoint import Nothing
from millrace.api.registry import VersionOfModel
from millrace.core import ids
from millrace.core.entities.approval import ApprovalRequest, Evidence, Wish
from millrace.core.entities.registry import ModelVersion
from millrace.core.entities.run import Run
from millrace.core.errors import (
    Conflict,
    InvalidArgument,
    MillraceError,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
    Unavailable,
)
from millrace.core.rules import approvals as rules
from millrace.core.rules import limits, manifests, registry, searching
from millrace.files.documents import read_yaml
from millrace.services.later import then

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from millrace.api.approvals import (
        CommentTransitionRequest,
        CreateTransitionRequest,
        DecideTransitionRequest,
        ListTransitionRequests,
        PolicyFor,
        PolicyOf,
        RollBack,
        SearchTransitionRequests,
        SetApprovalPolicy,
        TransitionRequestOf,
    )
    from millrace.core.entities.approval import Figures, Policy, RequestState, Verdict
    from millrace.core.entities.audit import Trail
    from millrace.core.pages import Position, Tokens
    from millrace.services.context import Context
    from millrace.services.manifests import Manifests
    from millrace.stores.protocols import ApprovalStore, RegistryStore, TrackingStore

T = TypeVar("T")

_NOTHING: Final = Nothing()
_TRIES: Final = 5
_LOOK: Final = 500
_LOOKS: Final = 20
"""So many pages of so many requests are looked at for one page of an answer."""
_ACTIONS: Final[dict[Verdict, str]] = {
    "APPROVE": "approval_request.approve",
    "REJECT": "approval_request.reject",
    "COMMENT": "approval_request.comment",
    "CANCEL": "approval_request.cancel",
}
_read_version = msgspec.json.Decoder(ModelVersion).decode
_read_run = msgspec.json.Decoder(Run, strict=False).decode


class Approvals:
    """Gathers what is to be decided on; rules decide, the store holds and makes the change.

    *refused* audits an attempt that was not allowed.
    """

    def __init__(  # noqa: PLR0913 - where evidence comes from
        self,
        store: ApprovalStore,
        registry_store: RegistryStore,
        tracking: TrackingStore,
        tokens: Tokens,
        *,
        files: Manifests,
        refused: Callable[[Trail, str, str], Future[None]],
    ) -> None:
        self._store = store
        self._registry = registry_store
        self._tracking = tracking
        self._tokens = tokens
        self._files = files
        self._refused = refused

    # --- policies -------------------------------------------------------------------------------

    def set_policy(self, ctx: Context, request: SetApprovalPolicy) -> Future[PolicyReply]:
        """Set a policy."""
        policy = rules.policy(request.policy)
        held = self._store.set_policy(policy, trail=ctx.trail("approval_policy.set"))
        return then(held, lambda one: PolicyReply(policy=one))

    def get_policy(self, _ctx: Context, request: PolicyFor) -> PolicyReply:
        """The policy that holds for a model."""
        found = self._policy(request.name)
        if found is None:
            raise NotFound(f"No approval policy is about a model named {request.name!r}.")
        return PolicyReply(policy=found)

    def list_policies(self, _ctx: Context, _request: Nothing) -> PoliciesReply:
        """All policies."""
        return PoliciesReply(policies=tuple(self._store.policies()))

    def delete_policy(self, ctx: Context, request: PolicyOf) -> Future[Nothing]:
        """Delete a policy."""
        gone = self._store.delete_policy(request.models, trail=ctx.trail("approval_policy.delete"))
        return then(gone, lambda _: _NOTHING)

    def _policy(self, name: str) -> Policy | None:
        return rules.policy_for(name, self._store.policies())

    # --- requests -------------------------------------------------------------------------------

    def create(self, ctx: Context, request: CreateTransitionRequest) -> TransitionRequestReply:
        """Ask for a change."""
        wish = _wish(request)
        if wish.rollback:
            if (wish.stage is None) == (wish.alias is None) or wish.version is not None:
                raise InvalidArgument("A rollback is of a stage or of an alias, without a version.")
        else:
            rules.move_of(wish, ctx.at_ms)
        made = ApprovalRequest(
            id=ids.approval_id(),
            wish=wish,
            user_id=ctx.actor.name,
            is_verified=ctx.actor.verified,
            creation_timestamp=ctx.at_ms,
            last_updated_timestamp=ctx.at_ms,
            approvals_needed=0,
            evidence=Evidence(policy="", version="", version_digest=""),
        )
        if request.comment:
            made = rules.with_opinion(made, ctx.actor, "COMMENT", request.comment, ctx.at_ms)
        action = "approval_request.create"
        trail = ctx.trail(action, reason=request.comment or None)
        asked = self._afresh(
            ctx, action, wish,
            lambda figures: self._store.ask(wish, figures, made, trail=trail),
        )  # fmt: skip
        return TransitionRequestReply(request=asked)

    def approve(self, ctx: Context, request: DecideTransitionRequest) -> TransitionRequestReply:
        """Agree to a request."""
        return self._decide(ctx, self._meant(request), "APPROVE", request.comment)

    def reject(self, ctx: Context, request: DecideTransitionRequest) -> TransitionRequestReply:
        """Reject a request."""
        return self._decide(ctx, self._meant(request), "REJECT", request.comment)

    def cancel(self, ctx: Context, request: DecideTransitionRequest) -> TransitionRequestReply:
        """Take one's own request back."""
        return self._decide(ctx, self._meant(request), "CANCEL", request.comment)

    def comment(self, ctx: Context, request: CommentTransitionRequest) -> TransitionRequestReply:
        """Say something of a request."""
        held = self._held(request.name, request.id)
        return self._decide(ctx, held, "COMMENT", request.comment)

    def get(self, ctx: Context, request: TransitionRequestOf) -> TransitionRequestReply:
        """A request as it stands now."""
        held = self._held(request.name, request.id)
        return TransitionRequestReply(request=rules.state_at(held, ctx.at_ms))

    def list(self, ctx: Context, request: ListTransitionRequests) -> TransitionRequestsReply:
        """The requests about a model, or about a version."""
        bound = ["transition requests", request.name]
        page = self._store.requests(
            request.name,
            limit=searching.limit(
                request.max_results, default=limits.COMMENTS_DEFAULT, most=limits.COMMENTS
            ),
            after=self._tokens.read(request.page_token, bound),
        )
        shown = tuple(
            rules.state_at(one, ctx.at_ms)
            for one in page.items
            if not request.version or one.wish.version == request.version
        )
        if not page.items and self._registry.registered_model(request.name) is None:
            raise NotFound(f"Registered Model with name={request.name} not found.")
        return TransitionRequestsReply(
            requests=shown, next_page_token=self._tokens.write(page.next, bound)
        )

    def search(self, ctx: Context, request: SearchTransitionRequests) -> TransitionRequestsReply:
        """The requests about all models that the caller asks for."""
        states = frozenset(request.states or ()) or None
        asked = (request.name or None, bool(request.waiting_for_me), bool(request.mine))
        name, waiting, mine = asked
        bound = ["all transition requests", *asked, sorted(states or ()), ctx.actor.name]
        limit = searching.limit(
            request.max_results, default=limits.COMMENTS_DEFAULT, most=limits.COMMENTS
        )
        if waiting:
            states = frozenset({"OPEN"}) if states is None else states & {"OPEN"}
        policies = self._store.policies() if waiting else []

        def is_meant(one: ApprovalRequest) -> bool:
            if states is not None and one.state not in states:
                return False
            if mine and not rules.is_by(one, ctx.actor):
                return False
            held = rules.policy_for(one.wish.name, policies) if waiting else None
            return not waiting or rules.waits_for(held, one, ctx.actor)

        found: list[ApprovalRequest] = []
        after = self._tokens.read(request.page_token, bound)
        for _ in range(_LOOKS):
            page = self._store.requests(
                name, is_open=_is_open(states), newest_first=True, limit=_LOOK, after=after
            )
            after = page.next
            for place, one in enumerate(page.items, 1):
                shown = rules.state_at(one, ctx.at_ms)
                if is_meant(shown):
                    found.append(shown)
                if len(found) == limit:
                    is_last = place == len(page.items) and page.next is None
                    after = None if is_last else (one.creation_timestamp, one.id)
                    return self._found(found, after, bound)
            if after is None:
                break
        return self._found(found, after, bound)

    def _found(
        self, found: Sequence[ApprovalRequest], after: Position | None, bound: object
    ) -> TransitionRequestsReply:
        return TransitionRequestsReply(
            requests=tuple(found), next_page_token=self._tokens.write(after, bound)
        )

    def _decide(
        self, ctx: Context, held: ApprovalRequest, verdict: Verdict, comment: str | None
    ) -> TransitionRequestReply:
        action, name = _ACTIONS[verdict], held.wish.name
        comment = registry.prose(comment, "comment") or None
        trail = ctx.trail(action, reason=comment)
        outcome = self._afresh(
            ctx, action, held.wish,
            lambda figures: self._store.decide(
                name, held.id, verdict, comment=comment, actor=ctx.actor, at_ms=ctx.at_ms,
                figures=figures, trail=trail,
            ),
            about=held.id, needs_figures=verdict == "APPROVE",
        )  # fmt: skip
        return TransitionRequestReply(request=outcome.request, model_version=outcome.model_version)

    def _held(self, name: str, request_id: str) -> ApprovalRequest:
        held = self._store.request(name, request_id)
        if held is None:
            raise NotFound(f"Registered model {name!r} has no request {request_id!r}.")
        return held

    def _meant(self, request: DecideTransitionRequest) -> ApprovalRequest:
        """The request that is named by its id, or the only open one about that change."""
        if request.id:
            return self._held(request.name, request.id)
        if not request.version or (not request.stage) == (not request.alias):
            raise InvalidArgument(
                "Name the request by 'id', or by 'version' and 'stage' or 'alias'."
            )
        stage = registry.stage(request.stage) if request.stage else None
        asked = (request.version, stage, request.alias or None)
        found = [
            one
            for one in self._store.open_requests(request.name)
            if (one.wish.version, one.wish.stage, one.wish.alias) == asked
        ]
        if not found:
            raise NotFound(
                f"No request for version {request.version} of {request.name!r} to "
                f"{stage or request.alias} is open."
            )
        if len(found) > 1:
            known = ", ".join(one.id for one in found)
            raise InvalidArgument(f"Several such requests are open, name one by 'id': {known}.")
        return found[0]

    # --- going back -----------------------------------------------------------------------------

    def roll_back(self, ctx: Context, request: RollBack) -> StepReply:
        """Return a stage or alias to what it was before."""
        if (not request.stage) == (not request.alias):
            raise InvalidArgument("Give a stage or an alias, and not both.")
        wish = Wish(
            name=request.name,
            stage=registry.stage(request.stage) if request.stage else None,
            alias=request.alias or None,
            rollback=True,
        )
        action = "registered_model.rollback"
        trail = ctx.trail(action, reason=request.comment or None)
        step = self._afresh(
            ctx, action, wish, lambda _: self._store.roll_back(wish, ctx.at_ms, trail=trail)
        )
        return StepReply(step=step)

    # --- what is decided on ---------------------------------------------------------------------

    def _afresh(  # noqa: PLR0913 - what is done, by whom, about what
        self,
        ctx: Context,
        action: str,
        wish: Wish,
        write: Callable[[dict[str, Figures]], Future[T]],
        *,
        about: str | None = None,
        needs_figures: bool = True,
    ) -> T:
        """What *write* comes to with figures that are right; what it refuses is audited."""
        try:
            for _ in range(_TRIES):
                figures = self._gather(ctx, wish) if needs_figures else {}
                try:
                    return write(figures).result()
                except Conflict:
                    continue
        except (PermissionDenied, PreconditionFailed) as error:
            kind = "registered_model" if about is None else "approval_request"
            trail = ctx.refusal(action, error.message)
            self._refused(trail, kind, about or wish.name).result()
            raise
        raise Unavailable("What is in the place changes all the time; try again.")

    def _gather(self, ctx: Context, wish: Wish) -> dict[str, Figures]:
        if wish.rollback:
            return {}
        held = self._policy(wish.name)
        return {
            version.version: self._figures(ctx, version, held)
            for version in (self._asked(wish), self._standing(wish))
            if version is not None
        }

    def _asked(self, wish: Wish) -> ModelVersion | None:
        if wish.version is None:
            return None
        found = self._registry.version(wish.name, registry.version_number(wish.version))
        return None if found is None else _read_version(found)

    def _standing(self, wish: Wish) -> ModelVersion | None:
        if wish.alias is not None:
            found = self._registry.version_at(wish.name, wish.alias)
        else:
            stages = () if wish.stage is None else (wish.stage,)
            highest = self._registry.latest_versions(wish.name, stages)
            found = highest[0] if highest else None
        return None if found is None else _read_version(found)

    def _figures(self, ctx: Context, version: ModelVersion, policy: Policy | None) -> Figures:
        name, number = version.name, int(version.version)
        held = self._registry.manifest(name, number)
        if held is not None and held.state == "PENDING":
            held = self._files.record(name, number)
        wants_files = policy is not None and policy.gates.manifest
        wants_signature = policy is not None and policy.gates.signature is not None
        damage = None
        if wants_files and held is not None and held.state == "RECORDED":
            asked = VersionOfModel(name=name, version=version.version)
            found = self._files.verify(ctx, asked)
            damage = None if found.ok else manifests.told(name, asked.version, [*found.problems])
        document = self._tracking.run(version.run_id) if version.run_id else None
        run = None if document is None else _read_run(document)
        return rules.figures(
            {} if run is None else run.data.metrics,
            {} if run is None else run.data.params,
            self._signature(name, number) if wants_signature else None,
            damage,
        )

    def _signature(self, name: str, number: int) -> str | None:
        """The inputs that the version's MLmodel states, in one spelling; None: it states none, or
        cannot be read."""
        try:
            data = self._files.read(name, number, "MLmodel", most=limits.PROSE_BYTES)
            stated = read_yaml(data)
            inputs = msgspec.convert(stated, _Stated).signature.inputs
            return msgspec.json.encode(msgspec.json.decode(inputs), order="sorted").decode()
        except (MillraceError, msgspec.MsgspecError):
            return None


def _is_open(states: frozenset[RequestState] | None) -> bool | None:
    """As what the store keeps requests that stand so: one that has run out may be kept as open."""
    if states is None or "EXPIRED" in states:
        return None
    if states == {"OPEN"}:
        return True
    return None if "OPEN" in states else False


class _Signature(msgspec.Struct):
    inputs: str


class _Stated(msgspec.Struct):
    """As much of an MLmodel file as tells the inputs."""

    signature: _Signature


def _wish(request: CreateTransitionRequest) -> Wish:
    return Wish(
        name=request.name,
        version=request.version or None,
        stage=registry.stage(request.stage) if request.stage else None,
        alias=request.alias or None,
        archive_existing_versions=bool(request.archive_existing_versions),
        rollback=bool(request.rollback),
    )
