"""Which policy holds for a model, which changes need approval, and whether one may be made.
Pure: the same records give the same answer."""

from __future__ import annotations

import hashlib
import math
import operator
import re
from fnmatch import translate
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace

from millrace.core.entities.approval import (
    ApprovalRequest,
    Difference,
    Evidence,
    Figures,
    Opinion,
    Policy,
)
from millrace.core.entities.entity import pairs
from millrace.core.entities.registry import AliasMove, StageMove
from millrace.core.errors import InvalidArgument, NotFound, PermissionDenied, PreconditionFailed
from millrace.core.rules import limits, names, registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from millrace.core.entities.access import Actor
    from millrace.core.entities.approval import Gates, MetricGate, Step, StepChange, Verdict, Wish
    from millrace.core.entities.registry import Manifest, ModelVersion, Move

MOST_APPROVALS: Final = 100
_COMPARE: Final[dict[str, Callable[[float, float], bool]]] = {
    ">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt,
}  # fmt: skip
_GLOB: Final = re.compile(r"[*?\[]")
_encode = msgspec.json.Encoder(order="sorted").encode


# --- policies -------------------------------------------------------------------------------------


def policy(given: Policy) -> Policy:
    """A policy that makes sense in itself; `InvalidArgument` for one that does not."""
    if not given.models or len(given.models.encode()) > limits.MODEL_NAME_BYTES:
        raise InvalidArgument(
            f"A policy's 'models' must have 1 to {limits.MODEL_NAME_BYTES} bytes: a model's name, "
            "or a pattern such as 'risk-*'."
        )
    names.plain_text(given.models, "models")
    if not given.guards:
        raise InvalidArgument("A policy needs 'guards': the stages and aliases that it is about.")
    if any((one.stage is None) == (not one.alias) for one in given.guards):
        raise InvalidArgument("Each of a policy's 'guards' is a stage or an alias, and not both.")
    if any(one.stage == "None" for one in given.guards):
        raise InvalidArgument("Stage 'None' is where versions begin; it cannot be guarded.")
    _check_people(given)
    if given.expires_s is not None and given.expires_s < 1:
        raise InvalidArgument("A policy's 'expires_s' must be 1 or more seconds.")
    for gate in given.gates.metrics:
        if gate.value is None and not gate.than_current:
            raise InvalidArgument(
                f"The gate on metric {gate.metric!r} needs a 'value' to compare with, or "
                "'than_current'."
            )
    evaluation = given.gates.evaluation
    if evaluation is not None and not (evaluation.metric or evaluation.tag):
        raise InvalidArgument("The gate 'evaluation' names a metric or a tag that tells of one.")
    return given


def _check_people(given: Policy) -> None:
    if not 1 <= given.approvals <= MOST_APPROVALS:
        raise InvalidArgument(f"A policy's 'approvals' must be 1 to {MOST_APPROVALS}.")
    known = {_person(one) for one in given.approvers}
    if "" in known or (known and len(known) < given.approvals):
        raise InvalidArgument(
            f"A policy's 'approvers' must be at least the {given.approvals} people that its "
            f"'approvals' asks for; {len(known)} are named."
        )


def policy_for(name: str, policies: Iterable[Policy]) -> Policy | None:
    """The most specific policy that matches: the name itself, else the pattern that fixes the most
    characters; of equals the one whose pattern sorts first."""
    found = [one for one in policies if one.models == name or _matches(name, one.models)]
    return min(found, key=lambda one: (one.models != name, *_breadth(one.models)), default=None)


def _matches(name: str, pattern: str) -> bool:
    return _GLOB.search(pattern) is not None and re.match(translate(pattern), name) is not None


def _breadth(pattern: str) -> tuple[int, int, str]:
    bare = re.sub(r"\[[^\]]*\]|[*?]", "", pattern)
    return -len(bare), pattern.count("*"), pattern


def guards(held: Policy, place: str) -> bool:
    """Whether the policy is about a place, such as `stage Production` or `alias champion`."""
    kind, _, word = place.partition(" ")
    if kind == "stage":
        return any(one.stage == word for one in held.guards)
    return any(
        one.alias is not None and (one.alias == word or _matches(word, one.alias))
        for one in held.guards
    )


def guarded(held: Policy | None, changes: Iterable[StepChange]) -> list[str]:
    """The places under the policy that *changes* would change."""
    if held is None:
        return []
    touched = {place for one in changes if one.before != one.after for place in one.places}
    return sorted(place for place in touched if guards(held, place))


def entered(held: Policy, changes: Iterable[StepChange]) -> bool:
    """Whether some version would come into a guarded place, or be what is left of it: then gates
    are asked."""
    for one in changes:
        if one.after is not None:
            place = f"alias {one.alias}" if one.alias is not None else f"stage {one.after}"
            if guards(held, place):
                return True
    return False


def digest(value: object) -> str:
    """SHA-256 over the canonical JSON of a record."""
    return hashlib.sha256(_encode(value)).hexdigest()


# --- evidence -------------------------------------------------------------------------------------


def version_digest(version: ModelVersion, manifest: Manifest | None) -> str:
    """What an approval is bound to: the version's files, where they are, and what made them."""
    return digest(
        (
            version.name, version.version, version.creation_timestamp, version.source,
            version.run_id, version.model_id, manifest and (manifest.state, manifest.digest),
        )
    )  # fmt: skip


def evidence(  # noqa: PLR0913 - all that a decision is made on
    held: Policy,
    version: ModelVersion | None,
    manifest: Manifest | None,
    figures: Figures,
    *,
    current: tuple[ModelVersion, Manifest | None, Figures] | None,
    step: Step | None,
) -> Evidence:
    """All that a request is decided on, with its digest."""
    made = Evidence(
        policy=digest(held),
        version="" if version is None else version.version,
        version_digest="" if version is None else version_digest(version, manifest),
        manifest_state=None if manifest is None else manifest.state,
        manifest_digest=None if manifest is None else manifest.digest,
        figures=figures,
        tag_list=() if version is None else version.tag_list,
        current_version=None if current is None else current[0].version,
        current_digest=None if current is None else version_digest(current[0], current[1]),
        current_figures=None if current is None else current[2],
        differences=() if current is None else _differences(current, version, manifest, figures),
        step=None if step is None else f"{step.id} {digest(step)}",
    )
    return replace(made, digest=digest(made))


def _differences(
    current: tuple[ModelVersion, Manifest | None, Figures],
    version: ModelVersion | None,
    manifest: Manifest | None,
    figures: Figures,
) -> tuple[Difference, ...]:
    old = _told(*current)
    new = {} if version is None else _told(version, manifest, figures)
    return tuple(
        Difference(what=what, current=old.get(what), requested=new.get(what))
        for what in sorted(old.keys() | new.keys())
        if old.get(what) != new.get(what)
    )


def _told(version: ModelVersion, manifest: Manifest | None, figures: Figures) -> dict[str, str]:
    told = {"source": version.source, "run_id": version.run_id}
    told |= {f"metrics.{one.key}": one.value for one in figures.metric_list}
    told |= {f"params.{one.key}": one.value for one in figures.param_list}
    told |= {f"tags.{key}": value for key, value in version.tags.items()}
    files = () if manifest is None else manifest.files
    return told | {f"files.{one.path}": one.sha256 for one in files}


def figures(
    metrics: Mapping[str, float],
    params: Mapping[str, str],
    signature: str | None,
    damage: str | None,
) -> Figures:
    """What is known of a version outside the registry. Metrics as text, so that NaN is one."""
    return Figures(
        metric_list=pairs({key: repr(value) for key, value in metrics.items()}),
        param_list=pairs(dict(params)),
        signature=signature,
        damage=damage,
    )


# --- gates ----------------------------------------------------------------------------------------


def failures(gates: Gates, known: Evidence) -> list[str]:
    """What does not hold, each with its numbers."""
    said = [
        *(_metric_failure(gate, known) for gate in gates.metrics),
        *_tag_failures(gates, known),
        _signature_failure(gates, known),
        _manifest_failure(gates, known),
        _evaluation_failure(gates, known),
    ]
    return [one for one in said if one is not None]


def _tag_failures(gates: Gates, known: Evidence) -> list[str]:
    found = []
    for tag in gates.tags:
        value = known.tags.get(tag.key)
        if value is None:
            found.append(f"tag {tag.key!r} is not set")
        elif tag.value is not None and value != tag.value:
            found.append(f"tag {tag.key!r} is {value!r} and must be {tag.value!r}")
    return found


def _signature_failure(gates: Gates, known: Evidence) -> str | None:
    stated, current = known.figures.signature, known.current_figures
    if gates.signature is not None and stated is None:
        return "no signature can be read: the model's MLmodel states none"
    if gates.signature != "compatible" or current is None or current.signature is None:
        return None
    if current.signature == stated:
        return None
    return (
        f"the signature's inputs are {stated}, and those of version {known.current_version} in "
        f"place are {current.signature}"
    )


def _manifest_failure(gates: Gates, known: Evidence) -> str | None:
    if not gates.manifest:
        return None
    if known.manifest_state != "RECORDED":
        return f"the manifest of its files is {known.manifest_state or 'missing'}"
    return known.figures.damage


def _evaluation_failure(gates: Gates, known: Evidence) -> str | None:
    asked = gates.evaluation
    if asked is None or asked.metric in known.figures.metrics or known.tags.get(asked.tag or ""):
        return None
    return f"no evaluation: neither metric nor tag {(asked.metric or asked.tag)!r} tells of one"


def _metric_failure(gate: MetricGate, known: Evidence) -> str | None:
    value = known.figures.metrics.get(gate.metric)
    bound, said = gate.value or 0.0, ""
    if gate.than_current:
        if known.current_figures is None:
            return None if value is not None else f"metric {gate.metric!r} was not logged"
        held = known.current_figures.metrics.get(gate.metric)
        if held is None or math.isnan(held):
            return (
                f"metric {gate.metric!r} of version {known.current_version} in place is "
                f"{'not logged' if held is None else held}, there is nothing to compare with"
            )
        bound, said = held + bound, f", by version {known.current_version} in place"
    if value is None:
        return f"metric {gate.metric!r} was not logged"
    if _COMPARE[gate.compare](value, bound):
        return None
    return f"metric {gate.metric!r} is {value!r} and must be {gate.compare} {bound!r}{said}"


def check_gates(gates: Gates, known: Evidence) -> None:
    """`PermissionDenied` with the numbers of every gate that does not hold."""
    failing = failures(gates, known)
    if failing:
        raise PermissionDenied(
            f"Version {known.version} does not pass the policy's gates: {'; '.join(failing)}."
        )


# --- deciding about requests ----------------------------------------------------------------------


def state_at(request: ApprovalRequest, at_ms: int) -> ApprovalRequest:
    """The request as it stands at a time: an open one may have run out."""
    if request.state == "OPEN" and request.expires_ms is not None and at_ms >= request.expires_ms:
        return replace(request, state="EXPIRED")
    return request


def check_open(request: ApprovalRequest, at_ms: int) -> None:
    """`PermissionDenied` when there is nothing to decide any more."""
    state = state_at(request, at_ms).state
    if state != "OPEN":
        raise PermissionDenied(
            f"Request {request.id} is {state.lower()}, it cannot be decided any more. Make a new "
            "request."
        )


def check_approver(held: Policy, request: ApprovalRequest, actor: Actor) -> None:
    """`PermissionDenied` for those who may not agree."""
    if not held.self_approval and _person(actor.name) == _person(request.user_id):
        raise PermissionDenied(
            f"Request {request.id} was made by {request.user_id!r}: somebody else must approve it."
        )
    if held.approvers and _person(actor.name) not in map(_person, held.approvers):
        raise PermissionDenied(
            f"Request {request.id} is for {', '.join(held.approvers)} to approve, not for "
            f"{actor.name!r}."
        )


def waits_for(held: Policy | None, request: ApprovalRequest, actor: Actor) -> bool:
    """Whether that person could agree to the request now, and did not yet."""
    if held is None or request.state != "OPEN" or has_agreed(request, actor):
        return False
    try:
        check_approver(held, request, actor)
    except PermissionDenied:
        return False
    return True


def is_by(request: ApprovalRequest, actor: Actor) -> bool:
    """Whether that person made the request."""
    return _person(request.user_id) == _person(actor.name)


def _person(name: str) -> str:
    """Names that differ in case or blanks only are one person's."""
    return " ".join(name.casefold().split())


def check_fresh(request: ApprovalRequest, now: Evidence) -> None:
    """`PreconditionFailed` when the evidence is no longer what the request was made on."""
    then = request.evidence
    if now.digest == then.digest:
        return
    fields = (one.encode_name for one in msgspec.structs.fields(now))
    known = (dict(then), dict(now))
    differing = [one for one in fields if known[0][one] != known[1][one] and one != "digest"]
    raise PreconditionFailed(
        f"Request {request.id} is stale: {', '.join(differing)} changed since it was made. Make a "
        "new request, to be decided on what holds now."
    )


def counted(request: ApprovalRequest) -> int:
    """How many people agreed."""
    return len({_person(one) for one in request.approvers})


def has_agreed(request: ApprovalRequest, actor: Actor) -> bool:
    """Whether that person agreed already."""
    return _person(actor.name) in {_person(one) for one in request.approvers}


def check_canceller(request: ApprovalRequest, actor: Actor) -> None:
    """`PermissionDenied` for anybody but who made the request; an administrator whose name is
    proved may, too."""
    if actor.name != request.user_id and not (actor.is_admin and actor.verified):
        raise PermissionDenied(f"Request {request.id} is by {request.user_id!r}, not by you.")


def with_opinion(
    request: ApprovalRequest, actor: Actor, verdict: Verdict, comment: str | None, at_ms: int
) -> ApprovalRequest:
    """The request with what somebody said of it."""
    said = Opinion(
        user_id=actor.name,
        is_verified=actor.verified,
        verdict=verdict,
        comment=registry.prose(comment, "comment") or None,
        timestamp=at_ms,
    )
    return replace(request, opinions=(*request.opinions, said), last_updated_timestamp=at_ms)


def must_request(wish: Wish, places: Sequence[str], held: Policy) -> PermissionDenied:
    """The refusal of a change that was made without asking."""
    named = {"name": wish.name, "version": wish.version, "stage": wish.stage, "alias": wish.alias}
    if wish.rollback:
        named["rollback"] = "true"
    told = ", ".join(f"{key}={value}" for key, value in named.items() if value is not None)
    people = "1 approval" if held.approvals == 1 else f"{held.approvals} approvals"
    return PermissionDenied(
        f"The policy for {held.models!r} guards {' and '.join(places)} of {wish.name!r}: this "
        f"needs {people}. Make a request with transition-requests/create ({told}), or "
        "'millrace registry request'."
    )


def occupied(places: Sequence[str], name: str, held: Policy, doing: str) -> PermissionDenied:
    """The refusal to delete or rename what stands in guarded places."""
    return PermissionDenied(
        f"The policy for {held.models!r} guards {' and '.join(places)} of {name!r}, and a version "
        f"is there: it cannot be {doing}. Request that the version leaves first."
    )


def move_of(wish: Wish, at_ms: int) -> Move:
    """The move that a wish other than a rollback comes to; `InvalidArgument` for nonsense."""
    number = None if wish.version is None else registry.version_number(wish.version)
    if (wish.stage is None) == (wish.alias is None):
        raise InvalidArgument("Give a stage or an alias, and not both.")
    if wish.alias is not None:
        move: Move = AliasMove(name=wish.name, alias=wish.alias, version=number, at_ms=at_ms)
    elif wish.stage is None or number is None:
        raise InvalidArgument("Missing value for required parameter 'version'.")
    else:
        move = StageMove(
            name=wish.name, version=number, stage=wish.stage, at_ms=at_ms,
            archive_existing=wish.archive_existing_versions,
        )  # fmt: skip
    return registry.move(move)


def place_of(wish: Wish) -> str:
    """The place that a wish is about."""
    return f"alias {wish.alias}" if wish.alias is not None else f"stage {wish.stage}"


def step_back(steps: Sequence[Step], place: str, name: str) -> Step:
    """The step that a rollback of *place* takes back, of *steps*, the newest first."""
    standing = [one for one in steps if not one.undone and one.undoes is None]
    found = next((one for one in standing if place in one.places), None)
    if found is None:
        raise NotFound(f"Nothing is known to have been moved to or from {place} of {name!r}.")
    for one in standing:
        if one.id == found.id:
            break
        between = one.places & found.places
        if between:
            raise InvalidArgument(
                f"The last change of {place} of {name!r} also changed "
                f"{' and '.join(sorted(between))}, which was changed again since: roll that back "
                "first."
            )
    return found


def recorded(request: ApprovalRequest) -> dict[str, object]:
    """What the audit trail tells of a request: the digest stands for its evidence."""
    wish = request.wish
    told: dict[str, object] = {
        "name": wish.name,
        "version": wish.version,
        "stage": wish.stage,
        "alias": wish.alias,
        "rollback": wish.rollback or None,
        "archive_existing_versions": wish.archive_existing_versions or None,
        "state": request.state,
        "user_id": request.user_id,
        "approvals_needed": request.approvals_needed,
        "evidence": request.evidence.digest,
        "version_digest": request.evidence.version_digest,
        "opinions": len(request.opinions),
        "approved_by": ", ".join(sorted(request.approvers)) or None,
    }
    return {key: value for key, value in told.items() if value is not None}
