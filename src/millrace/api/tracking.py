"""Experiments, runs, metrics, params, tags, inputs and outputs: requests, replies, endpoints.

Field names and presence follow the wire contract (`MlflowService`, API level 3.18).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from millrace.api.endpoint import (
    MIB,
    EachExperiment,
    Endpoint,
    Experiment,
    ExperimentOfRun,
    Id,
    Int64,
    Nothing,
    Reply,
    Request,
    Results,
    Time,
    edits,
    manages,
    reads,
)
from millrace.core.entities.dataset import DatasetSummary
from millrace.core.entities.entity import ViewType
from millrace.core.entities.experiment import Experiment as ExperimentRecord
from millrace.core.entities.metric import Metric
from millrace.core.entities.run import Run, RunInfo, RunStatus, StopAsked

# --- shared pieces -----------------------------------------------------------------------------


class Entry(Request, frozen=True, kw_only=True):
    """A param or tag; an absent value is the empty string."""

    key: Id
    value: str | None = None


class OfRun(Request, frozen=True, kw_only=True):
    """A request about one run. Clients send its id as `run_id`, `run_uuid` or both, equal."""

    run_id: str | None = None
    run_uuid: str | None = None

    def __post_init__(self) -> None:
        """Settle on `run_id`; raises ValueError when both are given and differ, or neither is."""
        run_id = self.run_id or self.run_uuid
        if not run_id:
            raise ValueError("Missing value for required parameter 'run_id'.")
        if self.run_uuid and self.run_uuid != run_id:
            raise ValueError(
                f"Parameters 'run_id' ({run_id!r}) and 'run_uuid' ({self.run_uuid!r}) name "
                "different runs; send one of them."
            )
        if self.run_id is None:
            msgspec.structs.force_setattr(self, "run_id", run_id)

    @property
    def run(self) -> str:
        """The run id, whichever way it came."""
        return self.run_id or ""


# --- experiments -------------------------------------------------------------------------------


class CreateExperiment(Request, frozen=True, kw_only=True):
    name: Id
    artifact_location: str | None = None
    tags: tuple[Entry, ...] | None = None


class ExperimentCreated(Reply, frozen=True, kw_only=True):
    experiment_id: str


class SearchExperiments(Request, frozen=True, kw_only=True):
    max_results: Int64 | None = None
    page_token: str | None = None
    filter: str | None = None
    order_by: tuple[str, ...] | None = None
    view_type: ViewType | Int64 | None = None


class ExperimentsReply(Reply, frozen=True, kw_only=True):
    experiments: tuple[ExperimentRecord, ...] = ()
    next_page_token: str | None = None


class ExperimentId(Request, frozen=True, kw_only=True):
    experiment_id: Id


class ExperimentName(Request, frozen=True, kw_only=True):
    experiment_name: Id


class ExperimentReply(Reply, frozen=True, kw_only=True):
    experiment: ExperimentRecord


class UpdateExperiment(Request, frozen=True, kw_only=True):
    experiment_id: Id
    new_name: Id


class SetExperimentTag(Request, frozen=True, kw_only=True):
    experiment_id: Id
    key: Id
    value: str | None = None


class DeleteExperimentTag(Request, frozen=True, kw_only=True):
    experiment_id: Id
    key: Id


class SearchDatasets(Request, frozen=True, kw_only=True):
    experiment_ids: tuple[str, ...] | None = None


class DatasetSummaries(Reply, frozen=True, kw_only=True):
    dataset_summaries: tuple[DatasetSummary, ...] = ()


# --- runs --------------------------------------------------------------------------------------


class CreateRun(Request, frozen=True, kw_only=True):
    experiment_id: Id
    user_id: str | None = None
    run_name: str | None = None
    start_time: Int64 | None = None
    tags: tuple[Entry, ...] | None = None


class RunReply(Reply, frozen=True, kw_only=True):
    run: Run


class UpdateRun(OfRun, frozen=True, kw_only=True):
    status: RunStatus | Int64 | None = None
    end_time: Int64 | None = None
    run_name: str | None = None


class RunInfoReply(Reply, frozen=True, kw_only=True):
    run_info: RunInfo


class RunId(OfRun, frozen=True, kw_only=True):
    pass


class SearchRuns(Request, frozen=True, kw_only=True):
    experiment_ids: tuple[str, ...] | None = None
    filter: str | None = None
    run_view_type: ViewType | Int64 | None = None
    max_results: Int64 | None = None
    order_by: tuple[str, ...] | None = None
    page_token: str | None = None


class RunsReply(Reply, frozen=True, kw_only=True):
    runs: tuple[Run, ...] = ()
    next_page_token: str | None = None


class Heartbeat(OfRun, frozen=True, kw_only=True):
    ttl_ms: Annotated[int, msgspec.Meta(ge=1_000, le=86_400_000)]


class HeartbeatReply(Reply, frozen=True, kw_only=True):
    """`stop`: somebody has asked the run to stop."""

    stop: StopAsked | None = None


class StopReply(Reply, frozen=True, kw_only=True):
    stop: StopAsked


# --- logging -----------------------------------------------------------------------------------


class MetricEntry(Request, frozen=True, kw_only=True):
    """A point in a batch; an absent step is 0."""

    key: Id
    value: float
    timestamp: Time
    step: Int64 | None = None
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None
    run_id: str | None = None


class LogMetric(OfRun, frozen=True, kw_only=True):
    key: Id
    value: float
    timestamp: Time
    step: Int64 | None = None
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class LogBatch(OfRun, frozen=True, kw_only=True):
    metrics: tuple[MetricEntry, ...] | None = None
    params: tuple[Entry, ...] | None = None
    tags: tuple[Entry, ...] | None = None


class LogParam(OfRun, frozen=True, kw_only=True):
    key: Id
    value: str | None = None


class SetTag(OfRun, frozen=True, kw_only=True):
    key: Id
    value: str | None = None


class DeleteTag(OfRun, frozen=True, kw_only=True):
    key: Id


class LogModel(OfRun, frozen=True, kw_only=True):
    model_json: Id


class DatasetEntry(Request, frozen=True, kw_only=True):
    name: Id
    digest: Id
    source_type: str | None = None
    source: str | None = None
    schema: str | None = None
    profile: str | None = None


class DatasetInputEntry(Request, frozen=True, kw_only=True):
    dataset: DatasetEntry
    tags: tuple[Entry, ...] | None = None


class ModelInputEntry(Request, frozen=True, kw_only=True):
    model_id: Id


class LogInputs(OfRun, frozen=True, kw_only=True):
    datasets: tuple[DatasetInputEntry, ...] | None = None
    models: tuple[ModelInputEntry, ...] | None = None


class ModelOutputEntry(Request, frozen=True, kw_only=True):
    model_id: Id
    step: Int64 | None = None


class LogOutputs(OfRun, frozen=True, kw_only=True):
    models: tuple[ModelOutputEntry, ...]


# --- metric histories --------------------------------------------------------------------------


class GetHistory(OfRun, frozen=True, kw_only=True):
    metric_key: Id
    page_token: str | None = None
    max_results: Int64 | None = None


class MetricsReply(Reply, frozen=True, kw_only=True):
    metrics: tuple[Metric, ...] = ()
    next_page_token: str | None = None


class MetricsList(msgspec.Struct, frozen=True, kw_only=True):
    """As `MetricsReply`, with the list there also when it is empty."""

    metrics: tuple[Metric, ...] = ()


class GetHistoryBulk(Request, frozen=True, kw_only=True):
    run_id: tuple[str, ...] = ()
    metric_key: Id
    max_results: Int64 | None = None


class GetHistoryInterval(Request, frozen=True, kw_only=True):
    run_ids: tuple[str, ...] = ()
    metric_key: Id
    start_step: Int64 | None = None
    end_step: Int64 | None = None
    max_results: Int64 | None = None


_EXPERIMENT = Experiment("experiment_id")
_RUN = ExperimentOfRun("run_id")

ROWS: tuple[Endpoint, ...] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="createExperiment",
        group="Experiments",
        method="POST",
        path="/mlflow/experiments/create",
        request=CreateExperiment,
        response=ExperimentCreated,
        needs=edits(Results("experiments")),
        summary="Create an experiment under a name that no other has, the trash included.",
    ),
    Endpoint(
        name="searchExperiments",
        group="Experiments",
        method="POST",
        path="/mlflow/experiments/search",
        request=SearchExperiments,
        response=ExperimentsReply,
        needs=reads(Results("experiments")),
        summary="Find experiments by filter, in order, page by page.",
    ),
    Endpoint(
        name="searchExperimentsByQuery",
        group="Experiments",
        method="GET",
        path="/mlflow/experiments/search",
        request=SearchExperiments,
        response=ExperimentsReply,
        needs=reads(Results("experiments")),
        summary="Find experiments by filter, in order, page by page.",
    ),
    Endpoint(
        name="getExperiment",
        group="Experiments",
        method="GET",
        path="/mlflow/experiments/get",
        request=ExperimentId,
        response=ExperimentReply,
        needs=reads(_EXPERIMENT),
        summary="Get one experiment, deleted ones included.",
    ),
    Endpoint(
        name="getExperimentByName",
        group="Experiments",
        method="GET",
        path="/mlflow/experiments/get-by-name",
        request=ExperimentName,
        response=ExperimentReply,
        needs=reads(Results("experiments")),
        summary="Get the experiment of that name, deleted ones included.",
    ),
    Endpoint(
        name="deleteExperiment",
        group="Experiments",
        method="POST",
        path="/mlflow/experiments/delete",
        request=ExperimentId,
        response=Nothing,
        needs=manages(_EXPERIMENT),
        summary="Move an experiment and its runs to the trash.",
    ),
    Endpoint(
        name="restoreExperiment",
        group="Experiments",
        method="POST",
        path="/mlflow/experiments/restore",
        request=ExperimentId,
        response=Nothing,
        needs=manages(_EXPERIMENT),
        summary="Take an experiment and its runs out of the trash.",
    ),
    Endpoint(
        name="updateExperiment",
        group="Experiments",
        method="POST",
        path="/mlflow/experiments/update",
        request=UpdateExperiment,
        response=Nothing,
        needs=edits(_EXPERIMENT),
        summary="Rename an experiment.",
    ),
    Endpoint(
        name="setExperimentTag",
        group="Experiments",
        method="POST",
        path="/mlflow/experiments/set-experiment-tag",
        request=SetExperimentTag,
        response=Nothing,
        needs=edits(_EXPERIMENT),
        summary="Set a tag of an experiment.",
    ),
    Endpoint(
        name="deleteExperimentTag",
        group="Experiments",
        method="POST",
        path="/mlflow/experiments/delete-experiment-tag",
        request=DeleteExperimentTag,
        response=Nothing,
        needs=edits(_EXPERIMENT),
        summary="Delete a tag of an experiment.",
    ),
    Endpoint(
        name="searchDatasets",
        group="Experiments",
        method="POST",
        path="/mlflow/experiments/search-datasets",
        prefixes=("ajax-api",),
        request=SearchDatasets,
        response=DatasetSummaries,
        needs=reads(EachExperiment("experiment_ids")),
        summary="List the data sets that runs of up to 20 experiments read.",
    ),
    Endpoint(
        name="createRun",
        group="Runs",
        method="POST",
        path="/mlflow/runs/create",
        request=CreateRun,
        response=RunReply,
        needs=edits(_EXPERIMENT),
        summary="Start a run in an experiment.",
    ),
    Endpoint(
        name="updateRun",
        group="Runs",
        method="POST",
        path="/mlflow/runs/update",
        request=UpdateRun,
        response=RunInfoReply,
        needs=edits(_RUN),
        summary="Change status, end time or name of a run.",
    ),
    Endpoint(
        name="deleteRun",
        group="Runs",
        method="POST",
        path="/mlflow/runs/delete",
        request=RunId,
        response=Nothing,
        needs=manages(_RUN),
        summary="Move a run to the trash.",
    ),
    Endpoint(
        name="restoreRun",
        group="Runs",
        method="POST",
        path="/mlflow/runs/restore",
        request=RunId,
        response=Nothing,
        needs=manages(_RUN),
        summary="Take a run out of the trash.",
    ),
    Endpoint(
        name="getRun",
        group="Runs",
        method="GET",
        path="/mlflow/runs/get",
        request=RunId,
        response=RunReply,
        needs=reads(_RUN),
        summary="Get a run with its params, tags, inputs, outputs and latest metrics.",
    ),
    Endpoint(
        name="searchRuns",
        group="Runs",
        method="POST",
        path="/mlflow/runs/search",
        request=SearchRuns,
        response=RunsReply,
        needs=reads(EachExperiment("experiment_ids")),
        summary="Find runs of some experiments by filter, in order, page by page.",
    ),
    Endpoint(
        name="heartbeat",
        group="Runs",
        method="POST",
        path="/millrace/runs/heartbeat",
        versions=("3.0",),
        request=Heartbeat,
        response=HeartbeatReply,
        needs=edits(_RUN),
        summary="Promise another sign of life of a running run, and hear whether it is to stop.",
    ),
    Endpoint(
        name="stopRun",
        group="Runs",
        method="POST",
        path="/millrace/runs/stop",
        versions=("3.0",),
        request=RunId,
        response=StopReply,
        needs=edits(_RUN),
        summary="Ask a running run to stop: its client hears of it with its next heartbeat.",
    ),
    Endpoint(
        name="logBatch",
        group="Logging",
        method="POST",
        path="/mlflow/runs/log-batch",
        request=LogBatch,
        response=Nothing,
        needs=edits(_RUN),
        body_limit=16 * MIB,
        summary="Log metrics, params and tags of a run at once: all of them or none.",
    ),
    Endpoint(
        name="logMetric",
        group="Logging",
        method="POST",
        path="/mlflow/runs/log-metric",
        request=LogMetric,
        response=Nothing,
        needs=edits(_RUN),
        summary="Log one point of a metric; an identical point is there already, not twice.",
    ),
    Endpoint(
        name="logParam",
        group="Logging",
        method="POST",
        path="/mlflow/runs/log-parameter",
        request=LogParam,
        response=Nothing,
        needs=edits(_RUN),
        summary="Log a param of a run; it cannot be changed later.",
    ),
    Endpoint(
        name="setTag",
        group="Logging",
        method="POST",
        path="/mlflow/runs/set-tag",
        request=SetTag,
        response=Nothing,
        needs=edits(_RUN),
        summary="Set a tag of a run.",
    ),
    Endpoint(
        name="deleteTag",
        group="Logging",
        method="POST",
        path="/mlflow/runs/delete-tag",
        request=DeleteTag,
        response=Nothing,
        needs=edits(_RUN),
        summary="Delete a tag of a run.",
    ),
    Endpoint(
        name="logModel",
        group="Logging",
        method="POST",
        path="/mlflow/runs/log-model",
        request=LogModel,
        response=Nothing,
        needs=edits(_RUN),
        body_limit=16 * MIB,
        summary="Note in a run that a model was saved among its artifacts.",
    ),
    Endpoint(
        name="logInputs",
        group="Logging",
        method="POST",
        path="/mlflow/runs/log-inputs",
        request=LogInputs,
        response=Nothing,
        needs=edits(_RUN),
        body_limit=32 * MIB,
        summary="Log data sets and models that a run reads.",
    ),
    Endpoint(
        name="logOutputs",
        group="Logging",
        method="POST",
        path="/mlflow/runs/outputs",
        request=LogOutputs,
        response=Nothing,
        needs=edits(_RUN),
        summary="Log models that a run makes.",
    ),
    Endpoint(
        name="getMetricHistory",
        group="Metrics",
        method="GET",
        path="/mlflow/metrics/get-history",
        request=GetHistory,
        response=MetricsReply,
        needs=reads(_RUN),
        summary="Get all points of a metric of a run, by time.",
    ),
    Endpoint(
        name="getMetricHistoryBulk",
        group="Metrics",
        method="GET",
        path="/mlflow/metrics/get-history-bulk",
        prefixes=("ajax-api",),
        request=GetHistoryBulk,
        response=MetricsList,
        needs=reads(_RUN),
        summary="Get points of a metric of up to 100 runs, 25,000 in all.",
    ),
    Endpoint(
        name="getMetricHistoryBulkInterval",
        group="Metrics",
        method="GET",
        path="/mlflow/metrics/get-history-bulk-interval",
        request=GetHistoryInterval,
        response=MetricsReply,
        needs=reads(ExperimentOfRun("run_ids")),
        summary="Get evenly sampled points of a metric of up to 100 runs, by step.",
    ),
)
