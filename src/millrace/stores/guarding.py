"""What every store does where a policy may stand in the way: in the transaction of the change, over
what the store looks up and puts away (`Books`), so that all stores decide the same.

Every function looks before it writes: a refusal leaves nothing behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from millrace.core.entities.approval import (
    ApprovalRequest,
    Evidence,
    Figures,
    Outcome,
    Step,
    StepChange,
    Wish,
)
from millrace.core.entities.registry import AliasMove, StageMove
from millrace.core.errors import Conflict, InvalidArgument, NotFound, PreconditionFailed
from millrace.core.rules import approvals as rules
from millrace.core.rules import registry_events

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from millrace.core.chain import Recorded
    from millrace.core.entities.access import Actor
    from millrace.core.entities.approval import Policy, Verdict
    from millrace.core.entities.registry import (
        Manifest,
        ModelVersion,
        Move,
        RegisteredModel,
        Stage,
    )


class Books(Protocol):
    """The records of one place, under change by one who holds the right to write."""

    @property
    def acting(self) -> str:
        """Who makes the change, for the history."""
        ...

    def policies(self) -> Sequence[Policy]:
        """All of them."""
        ...

    def model(self, name: str) -> RegisteredModel:
        """NotFound."""
        ...

    def version(self, name: str, version: int) -> ModelVersion:
        """NotFound."""
        ...

    def in_stage(self, name: str, stage: Stage) -> Sequence[ModelVersion]:
        """The highest first."""
        ...

    def manifest(self, name: str, version: int) -> Manifest | None:
        """The manifest of a version, if it has files."""
        ...

    def move(self, move: Move) -> ModelVersion | None:
        """Make the move, whatever policies say, with its audit entries and events."""
        ...

    def request(self, name: str, request_id: str) -> ApprovalRequest | None:
        """A request about the model of that name."""
        ...

    def open_requests(self, name: str) -> Sequence[ApprovalRequest]:
        """Requests about the model that nobody decided yet."""
        ...

    def put_request(self, request: ApprovalRequest) -> None:
        """Record a request, new or anew."""
        ...

    def steps(self, name: str) -> Sequence[Step]:
        """The history of a model's places, the newest first."""
        ...

    def next_step(self) -> int:
        """A fresh number for a step."""
        ...

    def put_step(self, step: Step) -> None:
        """Record a step, new or anew."""
        ...

    def forget_steps(self, name: str) -> None:
        """Forget the history of a model."""
        ...

    def note(
        self, kind: str, name: str, *, before: Recorded = None, after: Recorded = None
    ) -> None:
        """Audit a change."""
        ...

    def tell(self, event: str, payload: Recorded) -> None:
        """Tell webhooks of an event."""
        ...


# --- changes that somebody makes directly ---------------------------------------------------------


def move(books: Books, wanted: Move) -> ModelVersion | None:
    """Make a move that no policy stands against."""
    changes = _changes(books, wanted)
    held = rules.policy_for(wanted.name, books.policies())
    places = rules.guarded(held, changes)
    if held is not None and places:
        raise rules.must_request(_wish(wanted), places, held)
    return _moved(books, wanted, changes)


def check_version_may_go(books: Books, name: str, version: int) -> None:
    """`PermissionDenied` when the version stands in a guarded place."""
    held = rules.policy_for(name, books.policies())
    if held is None:
        return
    going = books.version(name, version)
    places = [f"stage {going.current_stage}", *(f"alias {one}" for one in going.alias_list)]
    guarded = [place for place in places if rules.guards(held, place)]
    if guarded:
        raise rules.occupied(guarded, name, held, "deleted")


def check_model_may_go(books: Books, name: str) -> None:
    """`PermissionDenied` when a version of the model stands in a guarded place."""
    _check_vacant(books, name, name, "deleted")


def check_rename(books: Books, name: str, new_name: str) -> None:
    """`PermissionDenied` when a version stands in a place that is guarded under either name."""
    _check_vacant(books, name, name, "renamed")
    _check_vacant(books, name, new_name, "renamed")


def _check_vacant(books: Books, name: str, under: str, doing: str) -> None:
    held = rules.policy_for(under, books.policies())
    if held is None:
        return
    stages = sorted({one.stage for one in held.guards if one.stage is not None})
    places = [f"stage {one}" for one in stages if books.in_stage(name, one)]
    places += [
        f"alias {one}" for one in books.model(name).aliases if rules.guards(held, f"alias {one}")
    ]
    if places:
        raise rules.occupied(places, name, held, doing)


def gone(books: Books, name: str, new_name: str | None = None) -> None:
    """A model was deleted, or has another name: its requests end, its history goes along."""
    for one in books.open_requests(name):
        _put(books, one, replace(one, state="CANCELLED"))
    steps = books.steps(name)
    books.forget_steps(name)
    if new_name is not None:
        for step in steps:
            books.put_step(replace(step, name=new_name))


# --- requests -------------------------------------------------------------------------------------


def ask(
    books: Books, wish: Wish, figures: Mapping[str, Figures], made: ApprovalRequest
) -> ApprovalRequest:
    """Record a request with its evidence; *made* has all but what the records say."""
    held, changes, step = _view(books, wish, made.creation_timestamp)
    if held is None or not rules.guarded(held, changes):
        raise InvalidArgument(
            f"No policy guards what this would change of {wish.name!r}: nobody needs to approve it."
        )
    known = _evidence(books, held, wish, figures, step)
    if not wish.rollback and rules.entered(held, changes):
        rules.check_gates(held.gates, known)
    expires_s = held.expires_s
    request = replace(
        made,
        approvals_needed=held.approvals,
        evidence=known,
        expires_ms=None if expires_s is None else made.creation_timestamp + 1000 * expires_s,
    )
    _put(books, None, request)
    return request


def decide(  # noqa: PLR0913, PLR0917 - who says what of which request, and what is known
    books: Books,
    name: str,
    request_id: str,
    verdict: Verdict,
    comment: str | None,
    actor: Actor,
    at_ms: int,
    figures: Mapping[str, Figures],
) -> Outcome:
    """Record what somebody says of a request; the last approval makes the change."""
    request = books.request(name, request_id)
    if request is None:
        raise no_request(name, request_id)
    if verdict == "COMMENT":
        said = rules.with_opinion(request, actor, verdict, comment, at_ms)
        _put(books, request, said)
        return Outcome(request=said)
    rules.check_open(request, at_ms)
    if verdict == "APPROVE":
        return _approve(books, request, comment, actor, at_ms, figures)
    if verdict == "CANCEL":
        rules.check_canceller(request, actor)
    said = rules.with_opinion(request, actor, verdict, comment, at_ms)
    said = replace(said, state="CANCELLED" if verdict == "CANCEL" else "REJECTED")
    _put(books, request, said)
    return Outcome(request=said)


def no_request(name: str, request_id: str) -> NotFound:
    """The refusal of a request that is not there."""
    return NotFound(f"Registered model {name!r} has no request {request_id!r}.")


def _approve(  # noqa: PLR0913, PLR0917 - as above
    books: Books,
    request: ApprovalRequest,
    comment: str | None,
    actor: Actor,
    at_ms: int,
    figures: Mapping[str, Figures],
) -> Outcome:
    wish = request.wish
    held, changes, step = _view(books, wish, at_ms)
    if held is None or not rules.guarded(held, changes):
        raise PreconditionFailed(
            f"Request {request.id} is stale: no policy guards what it would change any more."
        )
    rules.check_approver(held, request, actor)
    known = _evidence(books, held, wish, figures, step)
    if not wish.rollback and rules.entered(held, changes):
        rules.check_gates(held.gates, known)
    rules.check_fresh(request, known)
    if rules.has_agreed(request, actor):
        return Outcome(request=request)
    agreed = rules.with_opinion(request, actor, "APPROVE", comment, at_ms)
    if rules.counted(agreed) < held.approvals:
        _put(books, request, agreed)
        return Outcome(request=agreed)
    agreed = replace(agreed, state="APPROVED")
    if step is not None:
        _undo(books, step, at_ms)
        version = None
    else:
        version = _moved(books, rules.move_of(wish, at_ms), changes)
    _put(books, request, agreed)
    return Outcome(request=agreed, model_version=version)


def _view(
    books: Books, wish: Wish, at_ms: int
) -> tuple[Policy | None, list[StepChange], Step | None]:
    """The policy, what the wish would change now, and the step that it would take back."""
    books.model(wish.name)
    held = rules.policy_for(wish.name, books.policies())
    if not wish.rollback:
        return held, _changes(books, rules.move_of(wish, at_ms)), None
    step = _last_step(books, wish)
    return held, [_reversed(one) for one in step.changes], step


def _evidence(
    books: Books,
    held: Policy,
    wish: Wish,
    figures: Mapping[str, Figures],
    step: Step | None,
) -> Evidence:
    if step is not None:
        return rules.evidence(held, None, None, Figures(), current=None, step=step)

    def known(version: ModelVersion) -> tuple[ModelVersion, Manifest | None, Figures]:
        if version.version not in figures:
            raise Conflict(f"Version {version.version} of {wish.name!r} came into the place.")
        manifest = books.manifest(wish.name, int(version.version))
        return version, manifest, figures[version.version]

    standing = _in_place(books, wish)
    current = None if standing is None else known(standing)
    if wish.version is None:
        return rules.evidence(held, None, None, Figures(), current=current, step=None)
    version, manifest, told = known(books.version(wish.name, int(wish.version)))
    return rules.evidence(held, version, manifest, told, current=current, step=None)


def _in_place(books: Books, wish: Wish) -> ModelVersion | None:
    """The version that others get from the place now, unless it is the one that is wished for."""
    if wish.alias is not None:
        number = books.model(wish.name).aliases.get(wish.alias)
        standing = None if number is None else books.version(wish.name, int(number))
    elif wish.stage in {"Staging", "Production"}:
        standing = next(iter(books.in_stage(wish.name, wish.stage)), None)
    else:
        standing = None
    return None if standing is None or standing.version == wish.version else standing


# --- going back -----------------------------------------------------------------------------------


def roll_back(books: Books, wish: Wish, at_ms: int) -> Step:
    """Return a place to what it was before, unless a policy wants that to be approved."""
    held, changes, step = _view(books, wish, at_ms)
    places = rules.guarded(held, changes)
    if held is not None and places and held.rollback != "free":
        raise rules.must_request(wish, places, held)
    if step is None:
        raise AssertionError("a rollback takes back a step")
    return _undo(books, step, at_ms)


def _last_step(books: Books, wish: Wish) -> Step:
    step = rules.step_back(books.steps(wish.name), rules.place_of(wish), wish.name)
    aliases = books.model(wish.name).aliases
    for one in step.changes:
        if one.alias is not None:
            is_so = aliases.get(one.alias) == one.after
            if one.before is not None:
                books.version(wish.name, int(one.before))
        else:
            held = books.version(wish.name, int(one.version or 0))
            is_so = held.current_stage == one.after
        if not is_so:
            raise InvalidArgument(
                f"{rules.place_of(wish)} of {wish.name!r} is no longer as its last change left it; "
                "put the version there that should be."
            )
    return step


def _undo(books: Books, step: Step, at_ms: int) -> Step:
    back = [_reversed(one) for one in step.changes]
    for change in back:
        books.move(_move_of(step.name, change, at_ms))
    books.put_step(replace(step, undone=True))
    return _log(books, step.name, back, at_ms, undoes=step.id)


def _reversed(change: StepChange) -> StepChange:
    return replace(change, before=change.after, after=change.before)


def _move_of(name: str, change: StepChange, at_ms: int) -> Move:
    if change.alias is not None:
        version = None if change.after is None else int(change.after)
        return AliasMove(name=name, alias=change.alias, version=version, at_ms=at_ms)
    stage: Stage = change.after  # type: ignore[assignment]  # of a version, it is a stage
    return StageMove(name=name, version=int(change.version or 0), stage=stage, at_ms=at_ms)


# --- what moves are, and are remembered as --------------------------------------------------------


def _changes(books: Books, wanted: Move) -> list[StepChange]:
    match wanted:
        case AliasMove(name=name, alias=alias, version=version):
            held = books.model(name).aliases.get(alias)
            if version is not None:
                books.version(name, version)
            to = None if version is None else str(version)
            return [StepChange(alias=alias, before=held, after=to)]
        case StageMove(name=name, version=version, stage=stage):
            entering = books.version(name, version)
            changes = [StepChange(version=str(version), before=entering.current_stage, after=stage)]
            if wanted.archive_existing:
                changes += [
                    StepChange(version=one.version, before=stage, after="Archived")
                    for one in books.in_stage(name, stage)
                    if one.version != entering.version
                ]
            return changes


def _wish(wanted: Move) -> Wish:
    version = None if wanted.version is None else str(wanted.version)
    match wanted:
        case AliasMove(alias=alias):
            return Wish(name=wanted.name, version=version, alias=alias)
        case StageMove(stage=stage):
            return Wish(name=wanted.name, version=version, stage=stage)


def _moved(books: Books, wanted: Move, changes: Iterable[StepChange]) -> ModelVersion | None:
    version = books.move(wanted)
    real = [one for one in changes if one.before != one.after]
    if real:
        _log(books, wanted.name, real, wanted.at_ms)
    return version


def _log(
    books: Books,
    name: str,
    changes: Sequence[StepChange],
    at_ms: int,
    *,
    undoes: int | None = None,
) -> Step:
    step = Step(
        id=books.next_step(),
        name=name,
        user_id=books.acting,
        timestamp=at_ms,
        changes=tuple(changes),
        undoes=undoes,
    )
    books.put_step(step)
    if undoes is not None:
        told = {
            f"alias {one.alias}" if one.alias is not None else f"version {one.version}": (
                f"{one.before} -> {one.after}"
            )
            for one in changes
        }
        books.note("registry_rollback", f"{name}/{step.id}", after={"undoes": undoes, **told})
    return step


def _put(books: Books, before: ApprovalRequest | None, after: ApprovalRequest) -> None:
    books.put_request(after)
    old = None if before is None else rules.recorded(before)
    books.note("approval_request", after.id, before=old, after=rules.recorded(after))
    if before is None or before.state != after.state:
        for event, payload in registry_events.request_changed(after):
            books.tell(event, payload)
