"""Approvals as a server answers them: policies, requests, refusals, going back, and the audit."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from millrace.core.entities.access import Actor
from millrace.core.errors import (
    InvalidArgument,
    MillraceError,
    NotFound,
    PermissionDenied,
    PreconditionFailed,
)
from millrace.services.platform import Platform, open_platform
from tests.unit.services.conftest import Call, calling

POLICY = {
    "models": "risk-*",
    "guards": [{"stage": "Production"}, {"alias": "champ*"}],
    "approvals": 2,
    "expires_s": 3600,
    "gates": {"metrics": [{"metric": "acc", "compare": ">=", "value": 0.9}]},
}


def person(platform: Platform, name: str, at_ms: int = 1_000) -> Call:
    return calling(platform, actor=Actor(name=name, is_admin=True), at_ms=at_ms)


@pytest.fixture
def ada(platform: Platform) -> Call:
    return person(platform, "ada")


@pytest.fixture
def ben(platform: Platform) -> Call:
    return person(platform, "ben")


@pytest.fixture
def cem(platform: Platform) -> Call:
    return person(platform, "cem")


def add_version(call: Call, acc: float | None, name: str = "risk-a") -> str:
    run = call("createRun", experiment_id="0").run.info.run_id
    if acc is not None:
        call("logMetric", run_id=run, key="acc", value=acc, timestamp=1)
    with_name(call, name)
    made = call("createModelVersion", name=name, source=f"runs:/{run}/m", run_id=run)
    return str(made.model_version.version)


def with_name(call: Call, name: str) -> None:
    try:
        call("createRegisteredModel", name=name)
    except MillraceError:
        call("getRegisteredModel", name=name)


def refused(platform: Platform) -> list[str]:
    call = person(platform, "reader")
    return [one.action for one in call("listAuditEntries").entries if one.outcome == "refused"]


def ask(call: Call, version: str, **fields: Any) -> Any:
    place = fields or {"stage": "Production"}
    return call("createTransitionRequest", name="risk-a", version=version, **place).request


def stage_of(call: Call, version: str, name: str = "risk-a") -> str:
    raw = call("getModelVersion", name=name, version=version).model_version
    return str(json.loads(bytes(raw))["current_stage"])


def test_two_others_have_to_agree_and_the_last_one_makes_the_change(
    platform: Platform, ada: Call, ben: Call, cem: Call
) -> None:
    ada("setApprovalPolicy", policy=POLICY)
    version = add_version(ada, 0.95)
    asked = ask(ada, version)
    assert (asked.state, asked.approvals_needed) == ("OPEN", 2)
    assert asked.evidence.figures.metrics == {"acc": 0.95}

    with pytest.raises(PermissionDenied, match="somebody else"):
        ada("approveTransitionRequest", name="risk-a", id=asked.id)
    with pytest.raises(PermissionDenied, match="somebody else"):
        person(platform, " ADA ")("approveTransitionRequest", name="risk-a", id=asked.id)
    for _ in range(3):
        once = ben("approveTransitionRequest", name="risk-a", id=asked.id).request
        assert (once.state, len(once.opinions)) == ("OPEN", 1)
    assert stage_of(ada, version) == "None"

    done = cem("approveTransitionRequest", name="risk-a", version=version, stage="production")
    assert done.request.state == "APPROVED"
    assert done.model_version.current_stage == "Production"
    with pytest.raises(PermissionDenied, match="is approved"):
        cem("approveTransitionRequest", name="risk-a", id=asked.id)
    assert refused(platform).count("approval_request.approve") == 3


@pytest.mark.parametrize(
    ("endpoint", "message"),
    [
        ("transitionModelVersionStage", {"version": "1", "stage": "Production"}),
        ("transitionModelVersionStage", {"version": "1", "stage": "Archived"}),
        (
            "transitionModelVersionStage",
            {"version": "2", "stage": "production", "archive_existing_versions": True},
        ),
        ("setRegisteredModelAlias", {"alias": "champion", "version": "2"}),
        ("deleteRegisteredModelAlias", {"alias": "champion"}),
        ("deleteModelVersion", {"version": "1"}),
        ("deleteRegisteredModel", {}),
        ("renameRegisteredModel", {"new_name": "free"}),
        ("rollBack", {"stage": "Production"}),
        ("rollBack", {"alias": "champion"}),
    ],
)
def test_there_is_no_way_around(
    platform: Platform, ada: Call, endpoint: str, message: dict[str, Any]
) -> None:
    add_version(ada, 0.95)
    add_version(ada, 0.95)
    # Version 2 was there first, so that going back would be a change.
    ada("transitionModelVersionStage", name="risk-a", version="1", stage="Production")
    ada("setRegisteredModelAlias", name="risk-a", alias="champion", version="1")
    if "version" in message and message.get("stage") == "Production":
        message = message | {"version": "2"}
    ada("setApprovalPolicy", policy=POLICY)
    before = ada("getRegisteredModel", name="risk-a").registered_model

    with pytest.raises(PermissionDenied, match=r"policy for 'risk-\*'"):
        ada(endpoint, name="risk-a", **message)

    assert ada("getRegisteredModel", name="risk-a").registered_model == before
    assert len(refused(platform)) == 1


def test_a_name_cannot_be_taken_into_a_guarded_pattern_with_its_places(ada: Call) -> None:
    version = add_version(ada, 0.1, "free")
    ada("transitionModelVersionStage", name="free", version=version, stage="Production")
    ada("setApprovalPolicy", policy=POLICY)
    with pytest.raises(PermissionDenied, match="cannot be renamed"):
        ada("renameRegisteredModel", name="free", new_name="risk-b")


def test_what_is_not_guarded_stays_free(ada: Call) -> None:
    ada("setApprovalPolicy", policy=POLICY)
    version = add_version(ada, 0.1)
    ada("transitionModelVersionStage", name="risk-a", version=version, stage="Staging")
    ada("setRegisteredModelAlias", name="risk-a", alias="candidate", version=version)
    with pytest.raises(InvalidArgument, match="No policy guards"):
        ask(ada, version, stage="Staging")
    ada("deleteModelVersion", name="risk-a", version=version)


def test_a_gate_is_refused_with_its_numbers(ada: Call, ben: Call) -> None:
    policy = POLICY | {
        "approvals": 1,
        "gates": {
            "metrics": [
                {"metric": "acc", "compare": ">=", "value": 0.5},
                {"metric": "acc", "compare": ">", "than_current": True},
            ],
            "tags": [{"key": "card", "value": "yes"}],
        },
    }
    ada("setApprovalPolicy", policy=policy)
    first, second = add_version(ada, 0.9), add_version(ada, 0.4)
    with pytest.raises(PermissionDenied, match=r"tag 'card' is not set"):
        ask(ada, first)
    for version in (first, second):
        ada("setModelVersionTag", name="risk-a", version=version, key="card", value="yes")
    ben("approveTransitionRequest", name="risk-a", id=ask(ada, first).id)
    with pytest.raises(PermissionDenied, match=r"is 0\.4 and must be >= 0\.5;.*> 0\.9, by version"):
        ask(ada, second)


def test_gates_hold_at_the_time_of_the_decision(ada: Call, ben: Call) -> None:
    ada("setApprovalPolicy", policy=POLICY)
    version = add_version(ada, 0.95)
    asked = ask(ada, version)
    run = asked_run(ada, version)
    ada("logMetric", run_id=run, key="acc", value=0.2, timestamp=2)
    with pytest.raises(PermissionDenied, match=r"is 0\.2 and must be >= 0\.9"):
        ben("approveTransitionRequest", name="risk-a", id=asked.id)


def asked_run(call: Call, version: str) -> str:
    raw = call("getModelVersion", name="risk-a", version=version).model_version
    return str(json.loads(bytes(raw))["run_id"])


@pytest.mark.parametrize("change", ["metric", "tag", "policy", "place"])
def test_stale_evidence_is_refused(
    platform: Platform, ada: Call, ben: Call, cem: Call, change: str
) -> None:
    ada("setApprovalPolicy", policy=POLICY)
    version, other = add_version(ada, 0.95), add_version(ada, 0.96)
    asked = ask(ada, version)
    ben("approveTransitionRequest", name="risk-a", id=asked.id)
    if change == "metric":
        ada("logMetric", run_id=asked_run(ada, version), key="loss", value=2, timestamp=2)
    elif change == "tag":
        ada("setModelVersionTag", name="risk-a", version=version, key="k", value="v")
    elif change == "policy":
        ada("setApprovalPolicy", policy=POLICY | {"approvals": 1})
    else:
        second = ask(ada, other)
        ben("approveTransitionRequest", name="risk-a", id=second.id)
        cem("approveTransitionRequest", name="risk-a", id=second.id)
    with pytest.raises(PreconditionFailed, match="stale"):
        cem("approveTransitionRequest", name="risk-a", id=asked.id)
    assert stage_of(ada, version) == "None"
    assert "approval_request.approve" in refused(platform)


def test_requests_run_out_and_end(platform: Platform, ada: Call, ben: Call) -> None:
    ada("setApprovalPolicy", policy=POLICY | {"approvals": 1})
    version = add_version(ada, 0.95)
    late = person(platform, "cem", at_ms=1_000 + 3_600_000)
    asked = ask(ada, version)
    assert late("getTransitionRequest", name="risk-a", id=asked.id).request.state == "EXPIRED"
    with pytest.raises(PermissionDenied, match="is expired"):
        late("approveTransitionRequest", name="risk-a", id=asked.id)

    with pytest.raises(PermissionDenied, match="not by you"):
        ben("deleteTransitionRequest", name="risk-a", id=asked.id)
    assert ada("deleteTransitionRequest", name="risk-a", id=asked.id).request.state == "CANCELLED"
    second = ask(ada, version)
    said = ben("commentTransitionRequest", name="risk-a", id=second.id, comment="why?").request
    assert [one.comment for one in said.opinions] == ["why?"]
    ben("rejectTransitionRequest", name="risk-a", id=second.id, comment="no")
    for one in (asked, second):
        with pytest.raises(PermissionDenied, match="cannot be decided"):
            ben("approveTransitionRequest", name="risk-a", id=one.id)
    shown = ada("listTransitionRequests", name="risk-a").requests
    assert sorted(one.state for one in shown) == ["CANCELLED", "REJECTED"]
    with pytest.raises(NotFound):
        ben("approveTransitionRequest", name="risk-a", version=version, stage="Production")


def test_the_most_specific_policy_holds(ada: Call) -> None:
    for models in ("*", "risk-*", "risk-a", "r*"):
        ada("setApprovalPolicy", policy=POLICY | {"models": models})
    named = {
        name: ada("getApprovalPolicy", name=name).policy.models
        for name in ("risk-a", "risk-b", "rain", "x")
    }
    assert named == {"risk-a": "risk-a", "risk-b": "risk-*", "rain": "r*", "x": "*"}
    assert len(ada("listApprovalPolicies").policies) == 4
    ada("deleteApprovalPolicy", models="risk-a")
    assert ada("getApprovalPolicy", name="risk-a").policy.models == "risk-*"
    with pytest.raises(NotFound):
        ada("deleteApprovalPolicy", models="risk-a")


@pytest.mark.parametrize(
    "wrong",
    [
        {"approvals": 0},
        {"guards": []},
        {"guards": [{}]},
        {"guards": [{"stage": "Production", "alias": "a"}]},
        {"expires_s": 0},
        {"gates": {"metrics": [{"metric": "acc", "compare": ">"}]}},
        {"gates": {"evaluation": {}}},
    ],
)
def test_a_policy_that_says_nothing_is_refused(ada: Call, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument):
        ada("setApprovalPolicy", policy=POLICY | wrong)
    assert ada("listApprovalPolicies").policies == ()


def test_going_back_step_by_step(ada: Call) -> None:
    first, second, third = (add_version(ada, 0.9, "free") for _ in range(3))
    move = {"name": "free", "stage": "Production", "archive_existing_versions": True}
    for version in (first, second, third):
        ada("transitionModelVersionStage", version=version, **move)
        ada("setRegisteredModelAlias", name="free", alias="champion", version=version)
    for left, back in ((third, second), (second, first)):
        ada("rollBack", name="free", stage="Production")
        assert stage_of(ada, back, "free") == "Production"
        assert stage_of(ada, left, "free") == "None"
    step = ada("rollBack", name="free", alias="champion").step
    assert [(one.before, one.after) for one in step.changes] == [(third, second)]
    found = ada("listAuditEntries", action="registered_model.rollback").entries
    assert [one.kind for one in found if one.kind == "registry_rollback"] == [
        "registry_rollback"
    ] * 3
    ada("rollBack", name="free", stage="Production")
    with pytest.raises(NotFound, match="Nothing is known"):
        ada("rollBack", name="free", stage="Production")


def test_going_back_is_approved_or_free_as_the_policy_says(ada: Call, ben: Call) -> None:
    first, second = add_version(ada, 0.9), add_version(ada, 0.1)
    for version in (first, second):
        ada("setRegisteredModelAlias", name="risk-a", alias="champion", version=version)
    ada("setApprovalPolicy", policy=POLICY | {"approvals": 1})
    asked = ada("createTransitionRequest", name="risk-a", alias="champion", rollback=True).request
    done = ben("approveTransitionRequest", name="risk-a", id=asked.id).request
    assert done.state == "APPROVED"
    found = ada("getModelVersionByAlias", name="risk-a", alias="champion").model_version
    assert b'"version":"1"' in bytes(found)
    ada("setApprovalPolicy", policy=POLICY | {"rollback": "free"})
    ada("rollBack", name="risk-a", alias="champion")
    with pytest.raises(MillraceError):
        ada("getModelVersionByAlias", name="risk-a", alias="champion")


def test_of_many_who_agree_at_once_exactly_one_makes_the_change(tmp_path: Path) -> None:
    platform = open_platform(f"sqlite:///{tmp_path / 'r.db'}")
    try:
        ada = person(platform, "ada")
        ada("setApprovalPolicy", policy=POLICY)
        asked = ask(ada, add_version(ada, 0.95))
        states: list[str] = []
        ready = threading.Barrier(64)

        def agree(number: int) -> None:
            call = person(platform, f"person {number}")
            ready.wait(30)
            try:
                done = call("approveTransitionRequest", name="risk-a", id=asked.id)
                states.append(done.request.state)
            except PermissionDenied:
                states.append("refused")

        threads = [threading.Thread(target=agree, args=(one,)) for one in range(64)]
        for one in threads:
            one.start()
        for one in threads:
            one.join(60)
        assert sorted(states) == ["APPROVED", "OPEN", *["refused"] * 62]
        moves = [
            one
            for one in ada("listAuditEntries", kind="model_version").entries
            if one.changes.get("current_stage") == ("None", "Production")
        ]
        assert len(moves) == 1
    finally:
        platform.close()


def test_what_is_left_of_a_place_has_to_pass_the_gates(ada: Call) -> None:
    weak, good = add_version(ada, 0.1), add_version(ada, 0.95)
    for version in (weak, good):
        ada("transitionModelVersionStage", name="risk-a", version=version, stage="Production")
    ada("setApprovalPolicy", policy=POLICY)
    with pytest.raises(PermissionDenied, match=r"is 0\.1 and must be >= 0\.9"):
        ask(ada, weak, stage="Production", archive_existing_versions=True)


def test_an_inbox_shows_what_waits_for_each(platform: Platform, ada: Call, ben: Call) -> None:
    ada("setApprovalPolicy", policy=POLICY | {"approvers": ["ben", "Dee"]})
    asked = {}
    for name in ("risk-a", "risk-b"):
        number = add_version(ada, 0.95, name)
        asked[name] = ada(
            "createTransitionRequest", name=name, version=number, stage="Production"
        ).request.id  # fmt: skip

    def inbox(call: Call, **asked: Any) -> list[str]:
        return [one.id for one in call("searchTransitionRequests", **asked).requests]

    cem, dee = person(platform, "cem"), person(platform, "dee ")
    assert sorted(inbox(ben, waiting_for_me=True)) == sorted(asked.values())
    assert sorted(inbox(dee, waiting_for_me=True)) == sorted(asked.values())
    assert inbox(ada, waiting_for_me=True) == inbox(cem, waiting_for_me=True) == []
    assert sorted(inbox(ada, mine=True)) == sorted(inbox(cem)) == sorted(asked.values())
    assert inbox(ben, mine=True) == inbox(ben, waiting_for_me=True, states=["REJECTED"]) == []
    with pytest.raises(PermissionDenied, match="for ben, Dee to approve, not for 'cem'"):
        cem("approveTransitionRequest", name="risk-a", id=asked["risk-a"])

    ben("approveTransitionRequest", name="risk-a", id=asked["risk-a"])
    ben("rejectTransitionRequest", name="risk-b", id=asked["risk-b"])

    assert inbox(ben, waiting_for_me=True) == []
    assert inbox(dee, waiting_for_me=True) == inbox(dee, states=["OPEN"]) == [asked["risk-a"]]
    assert inbox(ben, name="risk-b") == inbox(ben, states=["REJECTED"]) == [asked["risk-b"]]
    later = person(platform, "dee", at_ms=1_000 + 3_600_000)
    assert inbox(later, states=["OPEN"]) == inbox(later, waiting_for_me=True) == []
    assert inbox(later, states=["EXPIRED"]) == [asked["risk-a"]]


def test_an_inbox_comes_in_pages_that_belong_to_whoever_asked(
    platform: Platform, ada: Call, ben: Call
) -> None:
    ada("setApprovalPolicy", policy=POLICY)
    number = add_version(ada, 0.95)
    wish = {"name": "risk-a", "version": number, "stage": "Production"}
    made = [
        person(platform, "ada", 1_000 + at)("createTransitionRequest", **wish).request.id
        for at in range(5)
    ]
    seen: list[str] = []
    token = None
    while True:
        page = ben("searchTransitionRequests", max_results=2, page_token=token)
        assert len(page.requests) <= 2
        seen += [one.id for one in page.requests]
        token = page.next_page_token
        if token is None:
            break

    assert seen == made[::-1]
    first = ben("searchTransitionRequests", max_results=2).next_page_token
    with pytest.raises(InvalidArgument, match="page_token"):
        ada("searchTransitionRequests", page_token=first)


def test_approvers_must_be_enough(ada: Call) -> None:
    for approvers in (["ben"], ["ben", "Ben "], ["ben", " "]):
        with pytest.raises(InvalidArgument, match="approvers"):
            ada("setApprovalPolicy", policy=POLICY | {"approvers": approvers})
