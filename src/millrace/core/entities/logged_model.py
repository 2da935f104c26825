"""Logged models: a model as a run made it, before anybody registers it."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from millrace.core.entities.entity import Entity, KeyValue, mapping
from millrace.core.entities.metric import Metric

LoggedModelStatus = Literal[
    "LOGGED_MODEL_STATUS_UNSPECIFIED",
    "LOGGED_MODEL_PENDING",
    "LOGGED_MODEL_READY",
    "LOGGED_MODEL_UPLOAD_FAILED",
]
STATUS_NUMBERS: Final[dict[int, LoggedModelStatus]] = {
    0: "LOGGED_MODEL_STATUS_UNSPECIFIED",
    1: "LOGGED_MODEL_PENDING",
    2: "LOGGED_MODEL_READY",
    3: "LOGGED_MODEL_UPLOAD_FAILED",
}


class LoggedModelRegistration(Entity, frozen=True, kw_only=True):
    """A registered version made of a logged model."""

    name: str
    version: str


class LoggedModelInfo(Entity, frozen=True, kw_only=True):
    """What a list shows of a logged model. Times in milliseconds since the epoch."""

    model_id: str
    experiment_id: str
    name: str
    creation_timestamp_ms: int
    last_updated_timestamp_ms: int
    artifact_uri: str
    status: LoggedModelStatus
    model_type: str
    source_run_id: str
    status_message: str | None = None
    tag_list: tuple[KeyValue, ...] = msgspec.field(default=(), name="tags")
    registrations: tuple[LoggedModelRegistration, ...] = ()

    @property
    def tags(self) -> dict[str, str]:
        """Tags by key."""
        return mapping(self.tag_list)


class LoggedModelData(Entity, frozen=True, kw_only=True):
    """Params of the model, and metrics that runs logged for it."""

    param_list: tuple[KeyValue, ...] = msgspec.field(default=(), name="params")
    metric_list: tuple[Metric, ...] = msgspec.field(default=(), name="metrics")

    @property
    def params(self) -> dict[str, str]:
        """Params by key."""
        return mapping(self.param_list)

    @property
    def metrics(self) -> dict[str, float]:
        """Latest value by key."""
        return {metric.key: metric.value for metric in self.metric_list}


class LoggedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A logged model as clients see it."""

    info: LoggedModelInfo
    data: LoggedModelData = msgspec.field(default_factory=LoggedModelData)

    @property
    def model_id(self) -> str:
        """`m-` and 32 hexadecimal digits."""
        return self.info.model_id

    @property
    def name(self) -> str:
        """Its name; several models may share one."""
        return self.info.name

    def recorded(self, *, is_deleted: bool = False) -> dict[str, object]:
        """What the audit trail tells of it: everything but the metrics."""
        stage = "deleted" if is_deleted else "active"
        return {
            **dict(self.info),
            "params": mapping(self.data.param_list),
            "lifecycle_stage": stage,
        }


class LoggedModelChange(Entity, frozen=True, kw_only=True):
    """What to change of a logged model; None leaves a thing as it is.

    `deleted_ms`: when it was moved to the trash, if that is the change.
    """

    status: LoggedModelStatus | None = None
    deleted: bool | None = None
    deleted_ms: int | None = None
    set_tags: tuple[KeyValue, ...] = ()
    delete_tag: str | None = None
    add_params: tuple[KeyValue, ...] = ()
    last_updated_timestamp_ms: int | None = None
