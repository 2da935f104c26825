"""Runs: one execution with its params, metrics, tags, inputs and outputs."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from millrace.core.entities.dataset import DatasetInput
from millrace.core.entities.entity import Entity, KeyValue, LifecycleStage, mapping
from millrace.core.entities.metric import Metric

RunStatus = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]

# Wire numbers: clients may send them instead of the names.
STATUS_NUMBERS: Final[dict[int, RunStatus]] = {
    1: "RUNNING",
    2: "SCHEDULED",
    3: "FINISHED",
    4: "FAILED",
    5: "KILLED",
}
TERMINAL: Final[frozenset[RunStatus]] = frozenset({"FINISHED", "FAILED", "KILLED"})


class RunInfo(Entity, frozen=True, kw_only=True):
    """What a list shows of a run. Times in milliseconds since the epoch.

    `liveness` is `"lost"` while a running run that promised heartbeats is silent beyond its lease;
    absent otherwise.
    """

    run_uuid: str
    experiment_id: str
    run_name: str
    user_id: str
    status: RunStatus
    start_time: int
    end_time: int | None = None
    artifact_uri: str
    lifecycle_stage: LifecycleStage
    run_id: str
    liveness: Literal["lost"] | None = None

    @property
    def duration(self) -> int | None:
        """From start to end in milliseconds; None while it runs."""
        return None if self.end_time is None else self.end_time - self.start_time


class StopAsked(Entity, frozen=True, kw_only=True):
    """Somebody has asked a run to stop; kept as the tag `millrace.stop`."""

    by: str
    at_ms: int

    def written(self) -> str:
        """As the tag holds it."""
        return msgspec.json.encode(self).decode()

    @staticmethod
    def read(text: str | None) -> StopAsked | None:
        """What the tag holds; None for none, and for what somebody else has put there."""
        if text is None:
            return None
        try:
            return msgspec.json.decode(text, type=StopAsked)
        except msgspec.MsgspecError:
            return None


class RunData(Entity, frozen=True, kw_only=True):
    """What was logged: the latest point of each metric, all params, all tags."""

    metric_list: tuple[Metric, ...] = msgspec.field(default=(), name="metrics")
    param_list: tuple[KeyValue, ...] = msgspec.field(default=(), name="params")
    tag_list: tuple[KeyValue, ...] = msgspec.field(default=(), name="tags")

    @property
    def metrics(self) -> dict[str, float]:
        """Latest value by key."""
        return {metric.key: metric.value for metric in self.metric_list}

    @property
    def params(self) -> dict[str, str]:
        """Params by key."""
        return mapping(self.param_list)

    @property
    def tags(self) -> dict[str, str]:
        """Tags by key."""
        return mapping(self.tag_list)


class ModelInput(Entity, frozen=True, kw_only=True):
    """A logged model that a run read."""

    model_id: str


class ModelOutput(Entity, frozen=True, kw_only=True):
    """A logged model that a run made, and at which step."""

    model_id: str
    step: int


class RunInputs(Entity, frozen=True, kw_only=True):
    """Data sets and models that a run read."""

    dataset_inputs: tuple[DatasetInput, ...] = ()
    model_inputs: tuple[ModelInput, ...] = ()


class RunOutputs(Entity, frozen=True, kw_only=True):
    """Models that a run made."""

    model_outputs: tuple[ModelOutput, ...] = ()


# `inputs` and `outputs` appear as {} when empty: factories, so that encoding never leaves them out.
class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run as clients see it."""

    info: RunInfo
    data: RunData = msgspec.field(default_factory=RunData)
    inputs: RunInputs = msgspec.field(default_factory=RunInputs)
    outputs: RunOutputs = msgspec.field(default_factory=RunOutputs)


class RunChange(Entity, frozen=True, kw_only=True):
    """What to change of a run; None leaves a thing as it is.

    `lease_until_ms` extends the lease; any change or append of a lost run makes it live again.
    `deleted_ms`: when it was moved to the trash, if that is the change.
    """

    status: RunStatus | None = None
    end_time: int | None = None
    run_name: str | None = None
    lifecycle_stage: LifecycleStage | None = None
    deleted_ms: int | None = None
    lease_until_ms: int | None = None


class Batch(Entity, frozen=True, kw_only=True):
    """Things to append to one run at once, validated: all are written or none."""

    metrics: tuple[Metric, ...] = ()
    params: tuple[KeyValue, ...] = ()
    set_tags: tuple[KeyValue, ...] = ()
    delete_tags: tuple[str, ...] = ()
    run_name: str | None = None
    datasets: tuple[DatasetInput, ...] = ()
    model_inputs: tuple[ModelInput, ...] = ()
    model_outputs: tuple[ModelOutput, ...] = ()


class ParamClash(Entity, frozen=True, kw_only=True):
    """A param that holds another value already."""

    key: str
    old: str
    new: str
