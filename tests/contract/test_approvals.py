"""Approvals in every store: policies, requests, decisions, going back, what is told beside."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from millrace.core.entities.access import Actor
from millrace.core.entities.approval import (
    ApprovalRequest,
    Evidence,
    Figures,
    Gates,
    Guard,
    MetricGate,
    Outcome,
    Policy,
    Verdict,
    Wish,
)
from millrace.core.entities.entity import pairs
from millrace.core.entities.registry import (
    AliasMove,
    Manifest,
    ModelVersion,
    NewVersion,
    RegisteredModel,
    RegisteredModelChange,
    StageMove,
    VersionChange,
)
from millrace.core.entities.webhook import Webhook, WebhookEvent
from millrace.core.errors import (
    Conflict,
    InvalidArgument,
    MillraceError,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
)
from millrace.core.rules import approvals as rules
from millrace.stores.protocols import ApprovalStore, Stores
from tests.contract.build import act, audited, receipt

pytestmark = pytest.mark.needs("registry")

NAME = "risk-a"
GUARDS = (Guard(stage="Production"), Guard(alias="champ*"))
POLICY = Policy(models="risk-*", guards=GUARDS)
ACCURATE = Gates(metrics=(MetricGate(metric="acc", compare=">=", value=0.9),))
TO_PRODUCTION = Wish(name=NAME, version="1", stage="Production")


@pytest.fixture
def approvals(stores: Stores) -> ApprovalStore:
    return stores.approvals


def add(stores: Stores, count: int = 1, name: str = NAME) -> None:
    """A model, unless it is there, and *count* versions of it."""
    registry = stores.registry
    if registry.registered_model(name) is None:
        made = RegisteredModel(name=name, creation_timestamp=1_000, last_updated_timestamp=1_000)
        registry.add_registered_model(made).result()
    for _ in range(count):
        new = NewVersion(name=name, source="s3://b/m", location="s3://b/m", created_ms=1_000)
        registry.add_version(new).result()


def accuracy(value: float = 0.95) -> Figures:
    return rules.figures({"acc": value}, {}, None, None)


def known(**by_number: float) -> dict[str, Figures]:
    """Figures by version: `known(v1=0.9)`."""
    return {number[1:]: accuracy(value) for number, value in by_number.items()}


def ask(
    stores: Stores,
    wish: Wish = TO_PRODUCTION,
    figures: Mapping[str, Figures] | None = None,
    **fields: Any,
) -> ApprovalRequest:
    made = ApprovalRequest(
        wish=wish,
        evidence=Evidence(policy="", version="", version_digest=""),
        **{
            "id": f"a-{len(stores.approvals.open_requests(wish.name))}", "user_id": "ada",
            "is_verified": True, "creation_timestamp": 1_000, "last_updated_timestamp": 1_000,
            "approvals_needed": 0,
        } | fields,
    )  # fmt: skip
    trail = act("approval_request.create", "ada")
    given = known(v1=0.95) if figures is None else figures
    return stores.approvals.ask(wish, given, made, trail=trail).result()


def decide(
    stores: Stores,
    asked: ApprovalRequest,
    verdict: Verdict,
    who: str = "ben",
    *,
    comment: str | None = None,
    at_ms: int = 2_000,
    figures: Mapping[str, Figures] | None = None,
    **trail: Any,
) -> Outcome:
    return stores.approvals.decide(
        asked.wish.name, asked.id, verdict, comment=comment,
        actor=Actor(name=who, verified=True), at_ms=at_ms,
        figures=known(v1=0.95) if figures is None else figures,
        **{"trail": act(f"approval_request.{verdict.lower()}", who)} | trail,
    ).result()  # fmt: skip


def to_stage(stores: Stores, version: int, stage: Any, **fields: Any) -> None:
    move = StageMove(name=NAME, version=version, stage=stage, at_ms=1_500, **fields)
    stores.registry.move(move, trail=act("model_version.transition")).result()


def to_alias(stores: Stores, version: int | None, alias: str = "champion") -> None:
    move = AliasMove(name=NAME, alias=alias, version=version, at_ms=1_500)
    stores.registry.move(move, trail=act("registered_model.set_alias")).result()


def version(stores: Stores, number: int = 1, name: str = NAME) -> ModelVersion:
    document = stores.registry.version(name, number)
    assert document is not None
    return msgspec.json.decode(document, type=ModelVersion)


def aliases(stores: Stores) -> dict[str, str]:
    document = stores.registry.registered_model(NAME)
    assert document is not None
    return msgspec.json.decode(document, type=RegisteredModel).aliases


def set_policy(stores: Stores, **fields: Any) -> None:
    policy = msgspec.structs.replace(POLICY, **fields)
    assert stores.approvals.set_policy(policy, trail=act("approval_policy.set")).result() == policy


# --- policies -----------------------------------------------------------------------------------


def test_policies_are_kept_by_pattern(stores: Stores, approvals: ApprovalStore) -> None:
    for models in ("b*", "a", "c"):
        set_policy(stores, models=models, approvals=2)
    set_policy(stores, models="a", approvals=3)
    held = approvals.policies()
    assert [(one.models, one.approvals) for one in held] == [("a", 3), ("b*", 2), ("c", 2)]
    approvals.delete_policy("b*", trail=act("approval_policy.delete")).result()
    with pytest.raises(NotFound, match=r"'b\*'"):
        approvals.delete_policy("b*").result()
    assert [one.models for one in approvals.policies()] == ["a", "c"]
    entries = audited(stores, kind="approval_policy")
    assert [(one.action, one.id) for one in entries] == [
        *(("approval_policy.set", models) for models in ("b*", "a", "c", "a")),
        ("approval_policy.delete", "b*"),
    ]
    assert entries[3].changes == {"approvals": (2, 3)}


# --- asking -------------------------------------------------------------------------------------


def test_a_request_freezes_what_it_is_decided_on(stores: Stores, approvals: ApprovalStore) -> None:
    set_policy(stores, approvals=2, expires_s=60, gates=ACCURATE)
    add(stores, 2)
    stores.registry.settle_manifest(
        NAME, 1, Manifest(state="RECORDED", recorded_ms=1, digest="d1")
    ).result()
    asked = ask(stores)
    evidence = asked.evidence
    assert (asked.state, asked.approvals_needed, asked.expires_ms) == ("OPEN", 2, 61_000)
    assert (evidence.version, evidence.manifest_state) == ("1", "RECORDED")
    assert evidence.manifest_digest == "d1"
    assert evidence.figures.metrics == {"acc": 0.95}
    assert evidence.version_digest
    assert approvals.request(NAME, asked.id) == asked
    assert approvals.request("other", asked.id) is None
    (entry,) = audited(stores, kind="approval_request")
    assert entry.changes["evidence"] == (None, evidence.digest)


def test_requests_are_listed_page_by_page(stores: Stores, approvals: ApprovalStore) -> None:
    set_policy(stores)
    add(stores)
    for number, at_ms in enumerate((30, 10, 20, 20)):
        ask(stores, id=f"a-{number}", creation_timestamp=at_ms)
    first = approvals.requests(NAME, limit=3, after=None)
    assert [one.id for one in first.items] == ["a-1", "a-2", "a-3"]
    last = approvals.requests(NAME, limit=3, after=first.next)
    assert ([one.id for one in last.items], last.next) == (["a-0"], None)
    assert [one.id for one in approvals.open_requests(NAME)] == ["a-1", "a-2", "a-3", "a-0"]
    assert approvals.requests("other", limit=3, after=None).items == ()


def test_what_nobody_guards_needs_no_request(stores: Stores) -> None:
    set_policy(stores)
    add(stores)
    add(stores, name="free")
    for wish in (
        Wish(name=NAME, version="1", stage="Staging"),
        Wish(name=NAME, version="1", alias="candidate"),
        Wish(name="free", version="1", stage="Production"),
    ):
        with pytest.raises(InvalidArgument, match="No policy guards"):
            ask(stores, wish)
    for unknown in (Wish(name="none", version="1", stage="Production"),):
        with pytest.raises(NotFound):
            ask(stores, unknown)
    with pytest.raises(NotFound):
        ask(stores, Wish(name=NAME, version="9", stage="Production"))


def test_a_gate_that_fails_leaves_nothing_behind(stores: Stores, approvals: ApprovalStore) -> None:
    set_policy(stores, gates=ACCURATE)
    add(stores)
    with pytest.raises(PermissionDenied, match=r"'acc' is 0\.5 and must be >= 0\.9"):
        ask(stores, figures=known(v1=0.5))
    assert approvals.open_requests(NAME) == []
    assert audited(stores, kind="approval_request") == []


def test_figures_must_be_of_the_versions_that_are_there(stores: Stores) -> None:
    add(stores, 2)
    to_alias(stores, 2)
    set_policy(stores)
    wish = Wish(name=NAME, version="1", alias="champion")
    with pytest.raises(Conflict, match="Version 2"):
        ask(stores, wish, known(v1=0.95))
    asked = ask(stores, wish, known(v1=0.95, v2=0.9))
    assert asked.evidence.current_version == "2"
    difference = {one.what: (one.current, one.requested) for one in asked.evidence.differences}
    assert difference == {"metrics.acc": ("0.9", "0.95")}
    with pytest.raises(Conflict, match="Version 2"):
        decide(stores, asked, "APPROVE", figures=known(v1=0.95))


# --- deciding -----------------------------------------------------------------------------------


def test_the_last_approval_makes_the_change(stores: Stores, approvals: ApprovalStore) -> None:
    set_policy(stores, approvals=2)
    add(stores)
    asked = ask(stores)
    first = decide(stores, asked, "APPROVE", "ben", comment="good")
    assert (first.request.state, first.model_version) == ("OPEN", None)
    again = decide(stores, asked, "APPROVE", "BEN ")
    assert again.request == first.request
    assert version(stores).current_stage == "None"
    last = decide(stores, asked, "APPROVE", "cem")
    assert last.request.state == "APPROVED"
    assert last.request.approvers == {"ben", "cem"}
    assert last.model_version == version(stores)
    assert version(stores).current_stage == "Production"
    assert approvals.open_requests(NAME) == []
    changes = [
        (one.kind, one.changes.get("state"), one.changes.get("current_stage"))
        for one in audited(stores)
        if one.action == "approval_request.approve"
    ]
    assert changes == [
        ("approval_request", None, None),
        ("model_version", None, ("None", "Production")),
        ("approval_request", ("OPEN", "APPROVED"), None),
    ]


def test_who_asked_may_not_agree_unless_the_policy_says_so(stores: Stores) -> None:
    set_policy(stores)
    add(stores)
    asked = ask(stores)
    for name in ("ada", "ADA", " ada "):
        with pytest.raises(PermissionDenied, match="somebody else must approve"):
            decide(stores, asked, "APPROVE", name)
    set_policy(stores, self_approval=True)
    asked = ask(stores, id="a-own")
    assert decide(stores, asked, "APPROVE", "ada").request.state == "APPROVED"


@pytest.mark.parametrize("verdict", ["REJECT", "CANCEL"])
def test_what_has_ended_is_not_decided_again(stores: Stores, verdict: Verdict) -> None:
    set_policy(stores)
    add(stores)
    asked = ask(stores)
    with pytest.raises(PermissionDenied, match="'ada', not by you"):
        decide(stores, asked, "CANCEL", "ben")
    ended = decide(stores, asked, verdict, "ada", comment="no").request
    assert ended.state == {"REJECT": "REJECTED", "CANCEL": "CANCELLED"}[verdict]
    for other in ("APPROVE", "REJECT", "CANCEL"):
        with pytest.raises(PermissionDenied, match="cannot be decided any more"):
            decide(stores, asked, other, "ada")  # type: ignore[arg-type]  # one of the verdicts
    said = decide(stores, asked, "COMMENT", "cem", comment="a pity").request
    assert [one.comment for one in said.opinions] == ["no", "a pity"]
    assert version(stores).current_stage == "None"


def test_a_request_runs_out(stores: Stores) -> None:
    set_policy(stores, expires_s=1)
    add(stores)
    asked = ask(stores)
    with pytest.raises(PermissionDenied, match="is expired"):
        decide(stores, asked, "APPROVE", at_ms=2_000)
    assert decide(stores, asked, "APPROVE", at_ms=1_999).request.state == "APPROVED"


@pytest.mark.parametrize("what", ["figures", "policy", "manifest", "tag", "place"])
def test_stale_evidence_is_not_decided_on(stores: Stores, what: str) -> None:
    set_policy(stores)
    add(stores, 2)
    asked = ask(stores)
    figures = known(v1=0.95)
    match what:
        case "figures":
            figures = known(v1=0.96)
        case "policy":
            set_policy(stores, expires_s=60)
        case "manifest":
            made = Manifest(state="RECORDED", recorded_ms=1, digest="d")
            stores.registry.settle_manifest(NAME, 1, made).result()
        case "tag":
            change = VersionChange(set_tags=pairs({"k": "v"}))
            stores.registry.change_version(NAME, 1, change).result()
        case "place":
            other = ask(stores, Wish(name=NAME, version="2", stage="Production"), known(v2=0.9))
            decide(stores, other, "APPROVE", figures=known(v2=0.9))
            figures = known(v1=0.95, v2=0.9)
    with pytest.raises(PreconditionFailed, match="is stale"):
        decide(stores, asked, "APPROVE", figures=figures)
    assert version(stores).current_stage == "None"


def test_without_a_policy_there_is_nothing_left_to_decide(
    stores: Stores, approvals: ApprovalStore
) -> None:
    set_policy(stores)
    add(stores)
    asked = ask(stores)
    approvals.delete_policy("risk-*").result()
    with pytest.raises(PreconditionFailed, match="no policy guards"):
        decide(stores, asked, "APPROVE")
    with pytest.raises(NotFound, match="'a-none'"):
        decide(stores, msgspec.structs.replace(asked, id="a-none"), "APPROVE")


def test_a_decision_is_made_once(stores: Stores) -> None:
    set_policy(stores, approvals=2)
    add(stores)
    asked = ask(stores)
    told = [decide(stores, asked, "APPROVE", trail=receipt("one approval")) for _ in range(2)]
    assert told[0] == told[1]
    assert len(decide(stores, asked, "COMMENT", comment="hm").request.opinions) == 2


def test_of_many_who_agree_at_once_one_makes_the_change(stores: Stores) -> None:
    set_policy(stores, approvals=2)
    add(stores)
    asked = ask(stores)

    def agree(number: int) -> str:
        try:
            return decide(stores, asked, "APPROVE", f"person {number}").request.state
        except PermissionDenied:
            return "refused"

    with ThreadPoolExecutor(64) as pool:
        states = sorted(pool.map(agree, range(64)))
    assert states == ["APPROVED", "OPEN", *["refused"] * 62]
    moves = [one for one in audited(stores, kind="model_version") if one.changes]
    assert len([one for one in moves if "current_stage" in one.changes]) == 1


# --- no way around ------------------------------------------------------------------------------


def test_a_guarded_place_is_not_changed_directly(stores: Stores) -> None:
    add(stores, 2)
    to_stage(stores, 1, "Production")
    to_alias(stores, 1)
    set_policy(stores)
    registry = stores.registry
    before = registry.registered_model(NAME), version(stores, 1), version(stores, 2)
    attempts = {
        "enter": lambda: to_stage(stores, 2, "Production"),
        "enter and archive": lambda: to_stage(stores, 2, "Production", archive_existing=True),
        "leave": lambda: to_stage(stores, 1, "Archived"),
        "point": lambda: to_alias(stores, 2),
        "release": lambda: to_alias(stores, None),
        "delete version": lambda: registry.delete_version(NAME, 1, at_ms=1).result(),
        "delete model": lambda: registry.delete_registered_model(NAME).result(),
        "rename": lambda: registry.change_registered_model(
            NAME, RegisteredModelChange(name="free", at_ms=1)
        ).result(),
    }
    for attempt in attempts.values():
        with pytest.raises(PermissionDenied, match=r"policy for 'risk-\*'"):
            attempt()
    assert before == (registry.registered_model(NAME), version(stores, 1), version(stores, 2))
    # To where it is already is no change.
    to_stage(stores, 1, "Production")
    to_alias(stores, 1)
    to_stage(stores, 2, "Staging")
    to_alias(stores, 2, "candidate")


def test_names_do_not_lead_around_a_policy(stores: Stores) -> None:
    add(stores, name="free")
    move = StageMove(name="free", version=1, stage="Production", at_ms=1)
    stores.registry.move(move).result()
    set_policy(stores)
    with pytest.raises(PermissionDenied, match="cannot be renamed"):
        stores.registry.change_registered_model(
            "free", RegisteredModelChange(name="risk-b", at_ms=1)
        ).result()


def test_deleting_or_renaming_a_model_ends_its_requests(
    stores: Stores, approvals: ApprovalStore
) -> None:
    set_policy(stores)
    for name in ("risk-a", "risk-b"):
        add(stores, name=name)
        ask(stores, Wish(name=name, version="1", stage="Production"), id=f"a-{name}")
    stores.registry.delete_registered_model("risk-a").result()
    change = RegisteredModelChange(name="risk-c", at_ms=1)
    stores.registry.change_registered_model("risk-b", change).result()
    for name in ("risk-a", "risk-b"):
        ended = approvals.request(name, f"a-{name}")
        assert ended is not None
        assert ended.state == "CANCELLED"
        assert approvals.open_requests(name) == []
    # A model that comes under the name again is another one.
    add(stores, name="risk-a")
    assert approvals.open_requests("risk-a") == []


# --- going back ---------------------------------------------------------------------------------


def back(stores: Stores, **place: Any) -> Any:
    wish = Wish(name=NAME, rollback=True, **place)
    return stores.approvals.roll_back(wish, 3_000, trail=act("registered_model.rollback")).result()


def test_places_go_back_step_by_step(stores: Stores) -> None:
    add(stores, 3)
    for number in (1, 2, 3):
        to_stage(stores, number, "Production", archive_existing=True)
        to_alias(stores, number)
    step = back(stores, stage="Production")
    assert [version(stores, number).current_stage for number in (1, 2, 3)] == [
        "Archived", "Production", "None",
    ]  # fmt: skip
    assert step.undoes is not None
    back(stores, stage="Production")
    assert version(stores, 1).current_stage == "Production"
    for expected in ({"champion": "2"}, {"champion": "1"}, {}):
        back(stores, alias="champion")
        assert aliases(stores) == expected
    with pytest.raises(NotFound, match="Nothing is known"):
        back(stores, alias="champion")
    entries = audited(stores, kind="registry_rollback")
    assert len(entries) == 5
    assert entries[0].changes["version 3"] == (None, "Production -> None")


def test_there_is_no_going_back_from_what_was_changed_since(stores: Stores) -> None:
    add(stores, 2)
    to_alias(stores, 1)
    to_alias(stores, 2)
    stores.registry.delete_version(NAME, 2, at_ms=1).result()
    with pytest.raises(InvalidArgument, match="no longer as its last change left it"):
        back(stores, alias="champion")


def test_a_guarded_place_goes_back_by_approval(stores: Stores) -> None:
    add(stores, 2)
    to_alias(stores, 1)
    to_alias(stores, 2)
    set_policy(stores)
    with pytest.raises(PermissionDenied, match="rollback=true"):
        back(stores, alias="champion")
    asked = ask(stores, Wish(name=NAME, alias="champion", rollback=True), {})
    assert decide(stores, asked, "APPROVE", figures={}).request.state == "APPROVED"
    assert aliases(stores) == {"champion": "1"}
    set_policy(stores, rollback="free")
    back(stores, alias="champion")
    assert aliases(stores) == {}


# --- what is told beside ------------------------------------------------------------------------


def test_webhooks_hear_of_requests(stores: Stores) -> None:
    words = ("created", "approved", "rejected", "cancelled")
    webhook = Webhook(
        webhook_id="w",
        name="w",
        url="https://example.com/hook",
        events=tuple(
            WebhookEvent(entity="TRANSITION_REQUEST", action=word.upper()) for word in words
        ),
        status="ACTIVE",
        creation_timestamp=1,
        last_updated_timestamp=1,
    )
    stores.webhooks.add_webhook(webhook, None).result()
    set_policy(stores, approvals=2)
    add(stores)
    for number, verdict in enumerate(("REJECT", "CANCEL")):
        asked = ask(stores, id=f"a-{number}")
        decide(stores, asked, "COMMENT", "cem", comment="hm")
        decide(stores, asked, verdict, "ada", comment="no")  # type: ignore[arg-type]  # one of them
    asked = ask(stores, id="a-2")
    for who in ("ben", "cem"):
        decide(stores, asked, "APPROVE", who, comment="go")
    claims = stores.webhooks.claim(10_000, 20_000, limit=100).result()
    told = [json.loads(one.body) for one in claims]
    assert {one["entity"] for one in told} == {"transition_request"}
    said = {(one["data"]["request_id"], one["action"]): one["data"] for one in told}
    assert set(said) == {
        ("a-0", "created"), ("a-0", "rejected"), ("a-1", "created"), ("a-1", "cancelled"),
        ("a-2", "created"), ("a-2", "approved"),
    }  # fmt: skip
    assert said["a-2", "approved"] == {
        "request_id": "a-2", "name": NAME, "version": "1", "to_stage": "Production", "alias": None,
        "rollback": False, "requested_by": "ada", "approvals_needed": 2, "user_id": "cem",
        "comment": "go",
    }  # fmt: skip


def test_a_refusal_tells_nobody(stores: Stores) -> None:
    set_policy(stores)
    add(stores)
    asked = ask(stores)
    before = len(audited(stores))
    for verdict in ("APPROVE", "CANCEL"):
        with pytest.raises(MillraceError):
            decide(stores, asked, verdict, "ada" if verdict == "APPROVE" else "ben")  # type: ignore[arg-type]
    assert len(audited(stores)) == before


def test_requests_of_all_models_come_in_either_order_by_what_became_of_them(
    stores: Stores, approvals: ApprovalStore
) -> None:
    approvals.set_policy(POLICY).result()
    for name in ("risk-a", "risk-b"):
        add(stores, name=name)
    made = [
        ask(
            stores,
            Wish(name=name, version="1", stage="Production"),
            id=f"a-{number}",
            creation_timestamp=number // 2,
        )
        for number, name in enumerate(["risk-a", "risk-b", "risk-a", "risk-b"])
    ]
    decide(stores, made[1], "REJECT")

    def listed(name: str | None = None, **asked: Any) -> list[str]:
        seen: list[str] = []
        after = None
        while True:
            page = approvals.requests(name, limit=1, after=after, **asked)
            seen += [one.id for one in page.items]
            after = page.next
            if after is None:
                return seen

    assert listed() == ["a-0", "a-1", "a-2", "a-3"]
    assert listed(newest_first=True) == ["a-3", "a-2", "a-1", "a-0"]
    assert listed(is_open=True, newest_first=True) == ["a-3", "a-2", "a-0"]
    assert listed(is_open=False) == listed("risk-b", is_open=False) == ["a-1"]
    assert listed("risk-b") == ["a-1", "a-3"]
