"""The rules of approvals by themselves: which policy, which gate fails and with what numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
from msgspec.structs import replace

from millrace.core.entities.approval import (
    Evaluated,
    Evidence,
    Figures,
    Gates,
    Guard,
    MetricGate,
    Policy,
    Step,
    StepChange,
    TagGate,
    Wish,
)
from millrace.core.entities.entity import pairs
from millrace.core.entities.registry import Manifest, ModelVersion
from millrace.core.errors import InvalidArgument, NotFound, PermissionDenied
from millrace.core.rules import approvals as rules

GUARDS = (Guard(stage="Production"), Guard(alias="champ*"))
INPUTS = '[{"name":"x","type":"double"}]'


def policy(models: str = "*", **fields: Any) -> Policy:
    return Policy(models=models, **{"guards": GUARDS} | fields)


def figures(
    acc: float | None = None, signature: str | None = None, damage: str | None = None
) -> Figures:
    return rules.figures({} if acc is None else {"acc": acc}, {}, signature, damage)


NOTHING = figures()


def evidence(
    of: Figures = NOTHING, *, current: Figures | None = None, tags: dict[str, str] | None = None,
    manifest: Any = None,
) -> Evidence:  # fmt: skip
    return Evidence(
        policy="", version="2", version_digest="", figures=of, manifest_state=manifest,
        current_version=None if current is None else "1", current_figures=current,
        tag_list=pairs(tags or {}),
    )  # fmt: skip


# --- which policy holds -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["*", "risk-*", "risk-a"], "risk-a"),
        (["*", "r*", "risk-*"], "risk-*"),
        (["*", "risk-?", "risk-*"], "risk-?"),
        (["*-a", "r*-a"], "r*-a"),
        (["[rs]isk-a", "*"], "[rs]isk-a"),
        (["?isk-a", "r?sk-a"], "?isk-a"),
        (["RISK-*", "risk"], None),
        ([], None),
    ],
)
def test_the_most_specific_policy_holds(patterns: list[str], expected: str | None) -> None:
    for given in (patterns, patterns[::-1]):
        found = rules.policy_for("risk-a", [policy(one) for one in given])
        assert (found and found.models) == expected


def test_a_name_with_glob_characters_is_still_itself() -> None:
    held = [policy("a[b]"), policy("*")]
    assert rules.policy_for("a[b]", held) == held[0]
    assert rules.policy_for("ab", held) == held[0]
    assert rules.policy_for("a.b", [policy("a?b")]) is not None
    assert rules.policy_for("acb", [policy("a.b")]) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (StepChange(version="1", before="None", after="Production"), ["stage Production"]),
        (StepChange(version="1", before="Production", after="Archived"), ["stage Production"]),
        (StepChange(version="1", before="Production", after="Production"), []),
        (StepChange(version="1", before="None", after="Staging"), []),
        (StepChange(alias="champion", before=None, after="1"), ["alias champion"]),
        (StepChange(alias="champion", before="1", after=None), ["alias champion"]),
        (StepChange(alias="other", before="1", after="2"), []),
    ],
)
def test_which_changes_are_guarded(change: StepChange, expected: list[str]) -> None:
    assert rules.guarded(policy(), [change]) == expected
    assert rules.guarded(None, [change]) == []


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"models": ""}, "1 to"),
        ({"models": "m" * 10_000}, "1 to"),
        ({"models": "a\u202eb"}, "U\\+202E"),
        ({"guards": ()}, "needs 'guards'"),
        ({"guards": (Guard(),)}, "a stage or an alias"),
        ({"guards": (Guard(stage="Production", alias="a"),)}, "a stage or an alias"),
        ({"guards": (Guard(stage="None"),)}, "cannot be guarded"),
        ({"approvals": 0}, "1 to 100"),
        ({"approvals": 101}, "1 to 100"),
        ({"expires_s": 0}, "1 or more seconds"),
        ({"gates": Gates(metrics=(MetricGate(metric="acc", compare=">"),))}, "'acc' needs a"),
        ({"gates": Gates(evaluation=Evaluated())}, "names a metric or a tag"),
    ],
)
def test_policies_that_make_no_sense(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        rules.policy(replace(policy(), **fields))
    assert rules.policy(policy()) == policy()


# --- gates --------------------------------------------------------------------------------------


def metric(compare: Any = ">=", value: float | None = None, *, than_current: bool = False) -> Gates:
    gate = MetricGate(metric="acc", compare=compare, value=value, than_current=than_current)
    return Gates(metrics=(gate,))


@pytest.mark.parametrize(
    ("gates", "known", "told"),
    [
        # Against a threshold, on both sides of it.
        (metric(">=", 0.9), evidence(figures(0.9)), None),
        (
            metric(">=", 0.9),
            evidence(figures(0.875)),
            "metric 'acc' is 0.875 and must be >= 0.9",
        ),
        (metric(">", 0.9), evidence(figures(0.9)), "metric 'acc' is 0.9 and must be > 0.9"),
        (metric("<=", 0.1), evidence(figures(0.1)), None),
        (metric("<", 0.1), evidence(figures(0.1)), "metric 'acc' is 0.1 and must be < 0.1"),
        (metric(">=", 0.9), evidence(), "metric 'acc' was not logged"),
        (
            metric(">=", 0.9),
            evidence(figures(math.nan)),
            "metric 'acc' is nan and must be >= 0.9",
        ),
        (metric("<=", 0.9), evidence(figures(math.inf)), "metric 'acc' is inf and must be <= 0.9"),
        # Against the version in place.
        (
            metric(">", than_current=True),
            evidence(figures(0.8), current=figures(0.8)),
            "metric 'acc' is 0.8 and must be > 0.8, by version 1 in place",
        ),
        (metric(">", than_current=True), evidence(figures(0.81), current=figures(0.8)), None),
        (
            metric(">=", 0.25, than_current=True),
            evidence(figures(0.7), current=figures(0.5)),
            "metric 'acc' is 0.7 and must be >= 0.75, by version 1 in place",
        ),
        (metric(">", than_current=True), evidence(figures(0.1)), None),
        (metric(">", than_current=True), evidence(), "metric 'acc' was not logged"),
        (
            metric(">", than_current=True),
            evidence(figures(0.1), current=figures()),
            "metric 'acc' of version 1 in place is not logged, there is nothing to compare with",
        ),
        (
            metric(">", than_current=True),
            evidence(figures(0.1), current=figures(math.nan)),
            "metric 'acc' of version 1 in place is nan, there is nothing to compare with",
        ),
        # Tags.
        (Gates(tags=(TagGate(key="card"),)), evidence(tags={"card": ""}), None),
        (Gates(tags=(TagGate(key="card"),)), evidence(), "tag 'card' is not set"),
        (
            Gates(tags=(TagGate(key="card", value="yes"),)),
            evidence(tags={"card": "no"}),
            "tag 'card' is 'no' and must be 'yes'",
        ),
        # The signature.
        (Gates(signature="present"), evidence(figures(signature=INPUTS)), None),
        (
            Gates(signature="present"),
            evidence(),
            "no signature can be read: the model's MLmodel states none",
        ),
        (
            Gates(signature="compatible"),
            evidence(current=figures(signature=INPUTS)),
            "no signature can be read: the model's MLmodel states none",
        ),
        (
            Gates(signature="compatible"),
            evidence(figures(signature="[]"), current=figures(signature=INPUTS)),
            f"the signature's inputs are [], and those of version 1 in place are {INPUTS}",
        ),
        (Gates(signature="compatible"), evidence(figures(signature=INPUTS)), None),
        (
            Gates(signature="compatible"),
            evidence(figures(signature=INPUTS), current=figures()),
            None,
        ),
        (
            Gates(signature="present"),
            evidence(figures(signature="[]"), current=figures(signature=INPUTS)),
            None,
        ),
        # The manifest.
        (Gates(manifest=True), evidence(manifest="RECORDED"), None),
        (Gates(manifest=True), evidence(), "the manifest of its files is missing"),
        (
            Gates(manifest=True),
            evidence(manifest="UNREADABLE"),
            "the manifest of its files is UNREADABLE",
        ),
        (
            Gates(manifest=True),
            evidence(figures(damage="model.pkl has 3 bytes, not 4"), manifest="RECORDED"),
            "model.pkl has 3 bytes, not 4",
        ),
        # The evaluation.
        (Gates(evaluation=Evaluated(metric="acc")), evidence(figures(0.0)), None),
        (Gates(evaluation=Evaluated(tag="eval")), evidence(tags={"eval": "run 7"}), None),
        (
            Gates(evaluation=Evaluated(metric="acc")),
            evidence(),
            "no evaluation: neither metric nor tag 'acc' tells of one",
        ),
        (
            Gates(evaluation=Evaluated(tag="eval")),
            evidence(tags={"eval": ""}),
            "no evaluation: neither metric nor tag 'eval' tells of one",
        ),
        # Nothing asked.
        (Gates(), evidence(), None),
    ],
)
def test_each_gate_on_both_sides(gates: Gates, known: Evidence, told: str | None) -> None:
    assert rules.failures(gates, known) == ([] if told is None else [told])


def test_all_that_fails_is_told_at_once() -> None:
    gates = replace(metric(">=", 0.9), tags=(TagGate(key="card"),), manifest=True)
    with pytest.raises(PermissionDenied) as told:
        rules.check_gates(gates, evidence(figures(0.5)))
    assert told.value.message == (
        "Version 2 does not pass the policy's gates: metric 'acc' is 0.5 and must be >= 0.9; "
        "tag 'card' is not set; the manifest of its files is missing."
    )


# --- what an approval is bound to ---------------------------------------------------------------

VERSION = ModelVersion(
    name="m", version="1", creation_timestamp=1, last_updated_timestamp=1, current_stage="None",
    source="s3://b/m", run_id="r", status="READY", run_link="", user_id=None, description="",
    model_id=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "is_other"),
    [
        ({"source": "s3://b/other"}, True),
        ({"run_id": "q"}, True),
        ({"creation_timestamp": 2}, True),
        ({"version": "2"}, True),
        ({"model_id": "m-1"}, True),
        ({"description": "better"}, False),
        ({"current_stage": "Staging"}, False),
        ({"last_updated_timestamp": 9}, False),
    ],
)
def test_the_digest_of_a_version(change: dict[str, Any], *, is_other: bool) -> None:
    manifest = Manifest(state="RECORDED", recorded_ms=1, digest="d")
    before = rules.version_digest(VERSION, manifest)
    after = rules.version_digest(replace(VERSION, **change), manifest)
    assert (before != after) is is_other
    assert before == rules.version_digest(VERSION, replace(manifest, recorded_ms=5))
    for other in (None, replace(manifest, digest="e"), replace(manifest, state="UNREADABLE")):
        assert before != rules.version_digest(VERSION, other)


# --- wishes, and steps back ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "wish",
    [
        Wish(name="m", version="1"),
        Wish(name="m", version="1", stage="Production", alias="a"),
        Wish(name="m", stage="Production"),
        Wish(name="m", version="x", stage="Production"),
        Wish(name="m", version="1", alias="latest"),
    ],
)
def test_wishes_that_make_no_sense(wish: Wish) -> None:
    with pytest.raises(InvalidArgument):
        rules.move_of(wish, 1)


def step(number: int, *changes: StepChange, **fields: Any) -> Step:
    return Step(id=number, name="m", user_id="ada", timestamp=number, changes=changes, **fields)


def staged(version: str, before: str, after: str) -> StepChange:
    return StepChange(version=version, before=before, after=after)


def test_the_step_that_a_place_goes_back_by() -> None:
    steps = [
        step(5, StepChange(alias="champion", before="1", after="2")),
        step(4, staged("3", "Production", "None"), undoes=2),
        step(3, staged("2", "None", "Production"), undone=True),
        step(2, staged("1", "None", "Production")),
    ]
    assert rules.step_back(steps, "stage Production", "m").id == 2
    assert rules.step_back(steps, "alias champion", "m").id == 5
    with pytest.raises(NotFound, match="stage Archived of 'm'"):
        rules.step_back(steps, "stage Archived", "m")


def test_a_step_that_others_stand_on_does_not_go_back() -> None:
    steps = [
        step(2, staged("1", "Archived", "Staging")),
        step(1, staged("1", "Production", "Archived"), staged("2", "None", "Production")),
    ]
    with pytest.raises(InvalidArgument, match="stage Archived, which was changed again"):
        rules.step_back(steps, "stage Production", "m")
