"""Runs and logged models as the memory store keeps them: changeable, and readable as entities."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from millrace.core.entities.entity import pairs
from millrace.core.entities.logged_model import LoggedModel, LoggedModelData, LoggedModelInfo
from millrace.core.entities.metric import Metric
from millrace.core.entities.run import Run, RunData, RunInfo, RunInputs, RunOutputs
from millrace.core.errors import InvalidArgument
from millrace.core.numbers import key_of, value_of
from millrace.core.series import Point
from millrace.core.tags import END_CAUSE
from millrace.core.wire import number
from millrace.stores.memory.series import Series

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, MutableMapping, Sequence

    from millrace.core.entities.dataset import Dataset, DatasetInput
    from millrace.core.entities.experiment import Experiment
    from millrace.core.entities.run import ModelInput, ModelOutput


class RunRecord:
    """A run with everything that was logged to it."""

    def __init__(self, run: Run) -> None:
        self.base = run.info
        self.params: dict[str, str] = run.data.params
        self.tags: dict[str, str] = run.data.tags
        self.series: MutableMapping[str, Series] = {}
        self.datasets: dict[tuple[str, str], DatasetInput] = {}
        self.model_inputs: dict[str, ModelInput] = {}
        self.model_outputs: dict[str, ModelOutput] = {}
        self.lease_until_ms: int | None = None
        self.lost = False
        self.deleted_ms: int | None = None

    @property
    def info(self) -> RunInfo:
        """What a list shows of it now."""
        is_lost = self.lost and self.base.status == "RUNNING"
        return replace(self.base, liveness="lost" if is_lost else None)

    def lose(self) -> None:
        """It has been silent for too long; the cause stands in a tag."""
        self.lost = True
        self.tags[END_CAUSE] = "lease expired"

    def revive(self) -> None:
        """It has spoken: if it was lost it is live again."""
        if self.lost:
            self.lost = False
            self.tags.pop(END_CAUSE, None)

    def add_point(self, metric: Metric) -> bool:
        """Take in a point; whether it was new."""
        return self.series.setdefault(metric.key, Series()).add(metric)

    def add_dataset(self, entry: DatasetInput, known: Dataset) -> None:
        """Note that it read *known*, unless that is noted already."""
        read = replace(entry, dataset=known, tag_list=pairs(entry.tags))
        self.datasets.setdefault((known.name, known.digest), read)

    def last(self, key: str) -> Point | None:
        """The latest point of a series; None where there is none."""
        series = self.series.get(key)
        return None if series is None else series.last

    def latest(self) -> Iterable[Metric]:
        """The latest point of each series, by key."""
        return (self.series[key].latest(key) for key in sorted(self.series))

    def entity(self) -> Run:
        """The run as clients see it."""
        return Run(
            info=self.info,
            data=RunData(
                metric_list=tuple(self.latest()),
                param_list=pairs(self.params),
                tag_list=pairs(self.tags),
            ),
            inputs=RunInputs(
                dataset_inputs=tuple(self.datasets.values()),
                model_inputs=tuple(self.model_inputs.values()),
            ),
            outputs=RunOutputs(model_outputs=tuple(self.model_outputs.values())),
        )

    def document(self) -> msgspec.Raw:
        """The run as wire JSON."""
        run = self.entity()
        if all(math.isfinite(metric.value) for metric in run.data.metric_list):
            return msgspec.Raw(msgspec.json.encode(run))
        tree = msgspec.to_builtins(run)
        for metric in tree["data"]["metrics"]:
            metric["value"] = number(metric["value"])  # NaN and infinities travel as words
        return msgspec.Raw(msgspec.json.encode(tree))


class ModelMetric(msgspec.Struct, frozen=True, order=True):
    """A point that a run logged for a model; sorts by key, then as series do."""

    key: str
    point: Point
    run_id: str
    dataset_name: str = ""
    dataset_digest: str = ""

    @classmethod
    def of(cls, run_id: str, metric: Metric) -> ModelMetric:
        """The point *metric* of a run."""
        return cls(
            metric.key,
            (metric.step, metric.timestamp, key_of(metric.value)),
            run_id,
            metric.dataset_name or "",
            metric.dataset_digest or "",
        )

    def entity(self, model_id: str) -> Metric:
        """The point as clients see it."""
        step, timestamp, value = self.point
        return Metric(
            key=self.key,
            value=value_of(value),
            timestamp=timestamp,
            step=step,
            dataset_name=self.dataset_name or None,
            dataset_digest=self.dataset_digest or None,
            model_id=model_id,
            run_id=self.run_id,
        )


class ModelRecord:
    """A logged model with its params, tags and metrics."""

    def __init__(self, model: LoggedModel) -> None:
        self.base = model.info
        self.params: dict[str, str] = model.data.params
        self.tags: dict[str, str] = model.info.tags
        self.metrics: set[ModelMetric] = set()
        self.deleted = False
        self.deleted_ms: int | None = None

    @property
    def info(self) -> LoggedModelInfo:
        """What a list shows of it now."""
        return replace(self.base, tag_list=pairs(self.tags))

    def entity(self) -> LoggedModel:
        """The model as clients see it."""
        metrics = (metric.entity(self.base.model_id) for metric in sorted(self.metrics))
        return LoggedModel(
            info=self.info,
            data=LoggedModelData(param_list=pairs(self.params), metric_list=tuple(metrics)),
        )

    def add_metric(self, run_id: str, metric: Metric) -> None:
        """Take in a point that a run logged for the model."""
        self.metrics.add(ModelMetric.of(run_id, metric))

    def latest(self, key: str, datasets: Collection[tuple[str, str | None]]) -> Sequence[float]:
        """The latest value of a metric, only from points logged with *datasets* if given."""
        seen = [
            metric.point
            for metric in self.metrics
            if metric.key == key and _logged_with(metric, datasets)
        ]
        return [value_of(max(seen)[2])] if seen else []


def _logged_with(metric: ModelMetric, datasets: Collection[tuple[str, str | None]]) -> bool:
    return not datasets or any(
        metric.dataset_name == name and digest in {None, metric.dataset_digest}
        for name, digest in datasets
    )


class Held:
    """The tracking records of one place by id, and what is known of those in the trash."""

    def __init__(self) -> None:
        self.experiments: MutableMapping[str, Experiment] = {}
        self.runs: MutableMapping[str, RunRecord] = {}
        self.models: MutableMapping[str, ModelRecord] = {}
        self.datasets: MutableMapping[tuple[str, str, str], Dataset] = {}
        """By experiment, name and digest."""
        self.deleted_ms: dict[str, int | None] = {}
        """When experiments were deleted."""
        self.purging: set[str] = set()
        """Ids of what is being removed for good."""

    def check_restorable(self, what: str, id_: str) -> None:
        """Raise `InvalidArgument` for what is on its way out."""
        if id_ in self.purging:
            raise InvalidArgument(
                f"The {what} {id_} is being removed for good; it cannot be restored."
            )

    def forget_unused_datasets(self) -> None:
        """Let go of data sets that no run reads any more."""
        used = {
            (run.base.experiment_id, *identity)
            for run in self.runs.values()
            for identity in run.datasets
        }
        for identity in self.datasets.keys() - used:
            del self.datasets[identity]
