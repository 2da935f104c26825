"""The entities under the names and constructors that the field knows (`millrace.entities`).

What the client returns are the structs of `core.entities`; what it takes is anything with the same
attributes, so these small classes are for scripts that build params, tags and points themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from millrace.core.entities.experiment import Experiment
from millrace.core.entities.logged_model import LoggedModel
from millrace.core.entities.registry import ModelVersion, RegisteredModel
from millrace.core.entities.run import Run, RunData, RunInfo, RunInputs, RunOutputs

__all__ = [
    "Dataset",
    "DatasetInput",
    "Experiment",
    "InputTag",
    "LoggedModel",
    "LoggedModelInput",
    "LoggedModelOutput",
    "Metric",
    "ModelVersion",
    "Param",
    "RegisteredModel",
    "Run",
    "RunData",
    "RunInfo",
    "RunInputs",
    "RunOutputs",
    "RunStatus",
    "RunTag",
    "ViewType",
]


class ViewType:
    """Which life-cycle stages a search looks at."""

    ACTIVE_ONLY: Final = 1
    DELETED_ONLY: Final = 2
    ALL: Final = 3


class RunStatus:
    """States of a run."""

    RUNNING: Final = "RUNNING"
    SCHEDULED: Final = "SCHEDULED"
    FINISHED: Final = "FINISHED"
    FAILED: Final = "FAILED"
    KILLED: Final = "KILLED"


@dataclass(frozen=True)
class Param:
    """A param to log."""

    key: str
    value: object


@dataclass(frozen=True)
class RunTag:
    """A tag of a run to set."""

    key: str
    value: object


@dataclass(frozen=True)
class InputTag:
    """A tag of a data set as an input."""

    key: str
    value: str


@dataclass(frozen=True)
class Metric:
    """A point to log; *timestamp* in milliseconds."""

    key: str
    value: float
    timestamp: int
    step: int = 0
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


@dataclass(frozen=True)
class Dataset:
    """A data set by name and digest; *source*, *schema* and *profile* are JSON text."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


@dataclass(frozen=True)
class DatasetInput:
    """A data set that a run reads."""

    dataset: Dataset
    tags: list[InputTag] = field(default_factory=list)


@dataclass(frozen=True)
class LoggedModelInput:
    """A logged model that a run reads."""

    model_id: str


@dataclass(frozen=True)
class LoggedModelOutput:
    """A logged model that a run makes, and at which step."""

    model_id: str
    step: int = 0
