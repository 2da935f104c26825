"""Nobody finds a way round quorum, self-approval, expiry or stale evidence, in whatever order they
try: what stands in guarded places changes by a granted request, or not at all."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from millrace.core.entities.access import Actor
from millrace.core.errors import MillraceError
from millrace.services.platform import open_platform
from tests.unit.services.conftest import calling

PEOPLE = ("ada", "ben", "cem", "dia")
PERSON = st.sampled_from(PEOPLE)
VERSION = st.sampled_from(("1", "2", "3"))
PLACE = st.sampled_from(
    (
        {"stage": "Production"},
        {"alias": "champion"},
        {"stage": "Production", "archive_existing_versions": True},
    )
)
STAGE = st.sampled_from(("None", "Staging", "Production", "Archived"))
BACK = st.sampled_from(
    ({"stage": "Production"}, {"stage": "Archived"}, {"stage": "Staging"}, {"alias": "champion"})
)
QUORUM = st.integers(1, 3)
NAME = "m"


class Approvals(RuleBasedStateMachine):
    """What is known of each request beside the platform: who, when, and on which evidence."""

    def __init__(self) -> None:
        super().__init__()
        self.platform = open_platform("memory://")
        self.now = 1_000
        self.policy: dict[str, Any] = {}
        self.metrics: dict[str, tuple[Any, ...]] = {}
        self.tags: dict[str, tuple[Any, ...]] = {}
        self.runs: dict[str, str] = {}
        self.asked: dict[str, dict[str, Any]] = {}
        self.name = NAME
        self.granted = False
        self.guarded: Any = None

    def call(self, who: str, endpoint: str, **message: Any) -> Any:
        self.now += 1
        actor = Actor(name=who, is_admin=True)
        return calling(self.platform, actor=actor, at_ms=self.now)(endpoint, **message)

    def attempt(self, who: str, endpoint: str, **message: Any) -> Any:
        try:
            return self.call(who, endpoint, **message)
        except MillraceError:
            return None

    def places(self) -> Any:
        found = self.call("x", "getRegisteredModel", name=self.name).registered_model
        model = json.loads(bytes(found))
        stages = {}
        for number in self.runs:
            found = self.attempt("x", "getModelVersion", name=self.name, version=number)
            if found is not None:
                stages[number] = json.loads(bytes(found.model_version))["current_stage"]
        alias = {one["alias"]: one["version"] for one in model.get("aliases", [])}
        production = sorted(one for one, stage in stages.items() if stage == "Production")
        return production, alias.get("champion")

    def evidence(self, version: str | None) -> Any:
        return self.policy, self.metrics.get(version or ""), self.tags.get(version or "")

    @initialize(quorum=QUORUM, alone=st.booleans(), named=st.booleans())
    def begin(self, quorum: int, *, alone: bool, named: bool) -> None:
        self.call("root", "createRegisteredModel", name=NAME)
        for number in ("1", "2", "3"):
            run = self.call("root", "createRun", experiment_id="0").run.info.run_id
            self.runs[number] = run
            self.log(number, float(number))
            self.call("root", "createModelVersion", name=NAME, source=f"runs:/{run}/m", run_id=run)
            self.tags[number] = ()
        self.call("root", "transitionModelVersionStage", name=NAME, version="1", stage="Production")
        self.call("root", "setRegisteredModelAlias", name=NAME, alias="champion", version="1")
        self.call("root", "setRegisteredModelAlias", name=NAME, alias="champion", version="2")
        self.set_policy(quorum, alone=alone, named=named)
        self.guarded = self.places()

    @rule(quorum=QUORUM, alone=st.booleans(), named=st.booleans())
    def set_policy(self, quorum: int, *, alone: bool, named: bool) -> None:
        self.policy = {
            "models": "*",
            "guards": [{"stage": "Production"}, {"alias": "champ*"}],
            "approvals": quorum,
            "approvers": PEOPLE[1:] if named else (),
            "self_approval": alone,
            "expires_s": 1,
            "gates": {"metrics": [{"metric": "acc", "compare": ">=", "value": 1.5}]},
        }
        self.call("root", "setApprovalPolicy", policy=self.policy)

    # --- asking and deciding --------------------------------------------------------------------

    @rule(who=PERSON, version=VERSION, place=PLACE)
    def ask(self, who: str, version: str, place: dict[str, Any]) -> None:
        made = self.attempt(
            who, "createTransitionRequest", name=self.name, version=version, **place
        )
        if made is not None:
            self.asked[made.request.id] = {
                "who": who, "at": self.now, "seen": self.evidence(version), "version": version,
                "agreed": set(), "ended": False, "name": self.name, "places": self.guarded,
            }  # fmt: skip
            assert self.metrics[version][0] >= 1.5

    @rule(who=PERSON, place=st.sampled_from(({"stage": "Production"}, {"alias": "champion"})))
    def ask_back(self, who: str, place: dict[str, Any]) -> None:
        made = self.attempt(who, "createTransitionRequest", name=self.name, rollback=True, **place)
        if made is not None:
            self.asked[made.request.id] = {
                "who": who, "at": self.now, "seen": self.evidence(None), "version": None,
                "agreed": set(), "ended": False, "name": self.name, "places": None,
            }  # fmt: skip

    @rule(
        who=PERSON,
        version=VERSION,
        place=PLACE,
        end=st.sampled_from((None, None, "wait", "reject", "delete")),
        others=st.lists(PERSON, max_size=5),
    )
    def ask_around(
        self, who: str, version: str, place: dict[str, Any], end: str | None, others: list[str]
    ) -> None:
        """The short way to decisions, which a walk by single steps seldom finds."""
        known = set(self.asked)
        self.ask(who, version, place)
        for key in set(self.asked) - known:
            if end == "wait":
                self.now += 1_000
            elif end is not None:
                self.call(who, f"{end}TransitionRequest", name=self.name, id=key)
                self.asked[key]["ended"] = True
            for one in others:
                self.agree(one, key)
                self.guarded_places_change_by_grants_only()

    @precondition(lambda self: self.asked)
    @rule(who=PERSON, data=st.data())
    def approve(self, who: str, data: st.DataObject) -> None:
        # The latest ones first: they are the ones that may still be granted.
        self.agree(who, data.draw(st.sampled_from(list(reversed(self.asked)))))

    def agree(self, who: str, key: str) -> None:
        known = self.asked[key]
        done = self.attempt(who, "approveTransitionRequest", name=self.name, id=key)
        if done is None:
            return
        assert not known["ended"]
        assert self.now < known["at"] + 1000
        assert known["seen"] == self.evidence(known["version"])
        assert who != known["who"] or self.policy["self_approval"]
        assert who in (self.policy["approvers"] or PEOPLE)
        known["agreed"].add(who)
        enough = len(known["agreed"]) >= self.policy["approvals"]
        assert (done.request.state == "APPROVED") == enough
        if enough:
            known["ended"] = self.granted = True

    @precondition(lambda self: self.asked)
    @rule(who=PERSON, data=st.data(), how=st.sampled_from(("reject", "delete")))
    def end(self, who: str, data: st.DataObject, how: str) -> None:
        key = data.draw(st.sampled_from(sorted(self.asked)))
        done = self.attempt(who, f"{how}TransitionRequest", name=self.name, id=key)
        if done is not None:
            assert how == "reject" or who == self.asked[key]["who"]
            self.asked[key]["ended"] = True

    @rule()
    def wait(self) -> None:
        self.now += 400

    # --- changing what was decided on ------------------------------------------------------------

    @rule(version=VERSION, value=st.sampled_from((1.0, 2.0, 3.0)))
    def log(self, version: str, value: float) -> None:
        run = self.runs[version]
        self.call(
            "x", "logMetric", run_id=run, key="acc", value=value, timestamp=self.now, step=self.now
        )
        self.metrics[version] = (value,)

    @rule(version=VERSION, value=st.sampled_from("ab"))
    def tag(self, version: str, value: str) -> None:
        done = self.attempt(
            "x", "setModelVersionTag", name=self.name, version=version, key="k", value=value
        )
        if done is not None:
            self.tags[version] = (value,)

    # --- going round -----------------------------------------------------------------------------

    @rule(who=PERSON, version=VERSION, stage=STAGE, alone=st.booleans())
    def transition(self, who: str, version: str, stage: str, *, alone: bool) -> None:
        self.attempt(
            who, "transitionModelVersionStage", name=self.name, version=version, stage=stage,
            archive_existing_versions=alone,
        )  # fmt: skip

    @rule(who=PERSON, version=VERSION, alias=st.sampled_from(("champion", "other")))
    def point(self, who: str, version: str, alias: str) -> None:
        self.attempt(who, "setRegisteredModelAlias", name=self.name, alias=alias, version=version)

    @rule(who=PERSON)
    def release(self, who: str) -> None:
        self.attempt(who, "deleteRegisteredModelAlias", name=self.name, alias="champion")

    @rule(who=PERSON, place=BACK)
    def go_back(self, who: str, place: dict[str, str]) -> None:
        self.attempt(who, "rollBack", name=self.name, **place)

    @rule(who=PERSON, version=st.sampled_from(("1", "2")))
    def delete_version(self, who: str, version: str) -> None:
        self.attempt(who, "deleteModelVersion", name=self.name, version=version)

    @rule(who=PERSON)
    def rename(self, who: str) -> None:
        new = "n" if self.name == NAME else NAME
        done = self.attempt(who, "renameRegisteredModel", name=self.name, new_name=new)
        if done is not None:
            self.name = new
            for one in self.asked.values():
                one["ended"] = True

    @invariant()
    def guarded_places_change_by_grants_only(self) -> None:
        if self.guarded is None:
            return
        now = self.places()
        assert now == self.guarded or self.granted
        self.guarded, self.granted = now, False

    def teardown(self) -> None:
        self.platform.close()


TestApprovals = Approvals.TestCase
TestApprovals.settings = settings(
    max_examples=20,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
