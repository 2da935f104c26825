"""Policies over the places that versions are loaded from, requests to change them, and the history
of what stood there."""

from __future__ import annotations

from typing import Literal

import msgspec

from millrace.core.entities.entity import Entity, KeyValue, mapping
from millrace.core.entities.registry import (
    ManifestState,
    ModelVersion,
    Stage,
)

Comparing = Literal[">=", ">", "<=", "<"]
RequestState = Literal["OPEN", "APPROVED", "REJECTED", "CANCELLED", "EXPIRED"]
Verdict = Literal["APPROVE", "REJECT", "COMMENT", "CANCEL"]


class Strict(Entity, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a document that people write: a misspelt field must not be a missing gate."""


class Guard(Strict, frozen=True, kw_only=True):
    """Places under a policy: one stage, or the aliases that match a glob."""

    stage: Stage | None = None
    alias: str | None = None


class MetricGate(Strict, frozen=True, kw_only=True):
    """A metric of the source run must compare so with `value`, or with the same metric of the
    version that is in the place now (moved by `value`); then an empty place is no obstacle."""

    metric: str
    compare: Comparing
    value: float | None = None
    than_current: bool = False


class TagGate(Strict, frozen=True, kw_only=True):
    """The version has that tag; with `value`, that value."""

    key: str
    value: str | None = None


class Evaluated(Strict, frozen=True, kw_only=True):
    """An evaluation is there: the source run has that metric, or the version has that tag."""

    metric: str | None = None
    tag: str | None = None


class Gates(Strict, frozen=True, kw_only=True):
    """What must hold when a version enters a guarded place.

    `signature`: the model's MLmodel states one; compatible: with the inputs of the version that is
    in the place now. `manifest`: its files were read, and are what was registered.
    """

    metrics: tuple[MetricGate, ...] = ()
    tags: tuple[TagGate, ...] = ()
    signature: Literal["present", "compatible"] | None = None
    manifest: bool = False
    evaluation: Evaluated | None = None


class Policy(Strict, frozen=True, kw_only=True):
    """Who must agree to changes of the guarded places of models, and what must hold.

    `models`: a name, or a glob with `*`, `?` and `[...]`; the most specific one that matches is
    the model's policy. `approvers`: who may agree; anybody when nobody is named. `rollback`:
    whether to go back to what was needs the same approvals.
    """

    models: str
    guards: tuple[Guard, ...]
    approvals: int = 1
    approvers: tuple[str, ...] = ()
    self_approval: bool = False
    expires_s: int | None = None
    rollback: Literal["approval", "free"] = "approval"
    gates: Gates = Gates()


class Figures(Entity, frozen=True, kw_only=True):
    """What is known of a version outside the registry: its run's last metrics and params, the
    inputs that its signature states (JSON), and what is wrong with its files (None: not read)."""

    metric_list: tuple[KeyValue, ...] = msgspec.field(default=(), name="metrics")
    param_list: tuple[KeyValue, ...] = msgspec.field(default=(), name="params")
    signature: str | None = None
    damage: str | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """Metrics by key."""
        return {one.key: float(one.value) for one in self.metric_list}


class Difference(Entity, frozen=True, kw_only=True):
    """Something in which a version differs from the one that is in the place now."""

    what: str
    current: str | None = None
    requested: str | None = None


class Evidence(Entity, frozen=True, kw_only=True):
    """What a request is decided on. `digest` is over all of it, and of the policy."""

    policy: str
    version: str
    version_digest: str
    manifest_state: ManifestState | None = None
    manifest_digest: str | None = None
    figures: Figures = Figures()
    tag_list: tuple[KeyValue, ...] = msgspec.field(default=(), name="tags")
    current_version: str | None = None
    current_digest: str | None = None
    current_figures: Figures | None = None
    differences: tuple[Difference, ...] = ()
    step: str | None = None
    digest: str = ""

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the version by key."""
        return mapping(self.tag_list)


class Opinion(Entity, frozen=True, kw_only=True):
    """What somebody said of a request. `is_verified`: the name was proved, not just stated."""

    user_id: str
    is_verified: bool
    verdict: Verdict
    comment: str | None = None
    timestamp: int


class Wish(Entity, frozen=True, kw_only=True):
    """A change of one place of a model: a version into a stage or under an alias (None: the alias
    goes), or with `rollback` back to what was there before."""

    name: str
    version: str | None = None
    stage: Stage | None = None
    alias: str | None = None
    archive_existing_versions: bool = False
    rollback: bool = False


class ApprovalRequest(Entity, frozen=True, kw_only=True):
    """A wish that others have to agree to, with its frozen evidence. Times in milliseconds."""

    id: str
    wish: Wish
    # By a factory, so that it is always told.
    state: RequestState = msgspec.field(default_factory=lambda: "OPEN")
    user_id: str
    is_verified: bool
    creation_timestamp: int
    last_updated_timestamp: int
    expires_ms: int | None = None
    approvals_needed: int
    evidence: Evidence
    opinions: tuple[Opinion, ...] = ()

    @property
    def approvers(self) -> set[str]:
        """Those who agreed, each once."""
        return {one.user_id for one in self.opinions if one.verdict == "APPROVE"}


class StepChange(Entity, frozen=True, kw_only=True):
    """What a step did: a version left a stage for another, or an alias one version for another."""

    before: str | None = None
    after: str | None = None
    version: str | None = None
    alias: str | None = None

    @property
    def places(self) -> set[str]:
        """The places that it changed."""
        if self.alias is not None:
            return {f"alias {self.alias}"}
        return {f"stage {one}" for one in (self.before, self.after) if one is not None}


class Step(Entity, frozen=True, kw_only=True):
    """One move in the history of a model's places. `undone`: a rollback took it back."""

    id: int
    name: str
    user_id: str
    timestamp: int
    changes: tuple[StepChange, ...]
    undone: bool = False
    undoes: int | None = None

    @property
    def places(self) -> set[str]:
        """The places that it changed."""
        return {place for one in self.changes for place in one.places}


class Outcome(Entity, frozen=True, kw_only=True):
    """What became of a request; `model_version` as it is after the change was made."""

    request: ApprovalRequest
    model_version: ModelVersion | None = None
