"""Logged models: requests, replies, endpoints. Artifact routes are in `artifacts`."""

from __future__ import annotations

from millrace.api.endpoint import (
    EachExperiment,
    Endpoint,
    Experiment,
    ExperimentOfModel,
    Id,
    Int64,
    Nothing,
    Reply,
    Request,
    edits,
    manages,
    reads,
)
from millrace.api.tracking import Entry
from millrace.core.entities.logged_model import LoggedModel, LoggedModelStatus


class CreateLoggedModel(Request, frozen=True, kw_only=True):
    experiment_id: Id
    name: str | None = None
    model_type: str | None = None
    source_run_id: str | None = None
    params: tuple[Entry, ...] | None = None
    tags: tuple[Entry, ...] | None = None


class LoggedModelReply(Reply, frozen=True, kw_only=True):
    model: LoggedModel


class FinalizeLoggedModel(Request, frozen=True, kw_only=True):
    model_id: Id
    status: LoggedModelStatus | Int64


class LoggedModelId(Request, frozen=True, kw_only=True):
    model_id: Id


class DatasetOfMetric(Request, frozen=True, kw_only=True):
    dataset_name: Id
    dataset_digest: str | None = None


class OrderLoggedModelsBy(Request, frozen=True, kw_only=True):
    field_name: Id
    ascending: bool | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class SearchLoggedModels(Request, frozen=True, kw_only=True):
    experiment_ids: tuple[str, ...]
    filter: str | None = None
    datasets: tuple[DatasetOfMetric, ...] | None = None
    max_results: Int64 | None = None
    order_by: tuple[OrderLoggedModelsBy, ...] | None = None
    page_token: str | None = None


class LoggedModelsReply(Reply, frozen=True, kw_only=True):
    models: tuple[LoggedModel, ...] = ()
    next_page_token: str | None = None


class SetLoggedModelTags(Request, frozen=True, kw_only=True):
    model_id: Id
    tags: tuple[Entry, ...] | None = None


class DeleteLoggedModelTag(Request, frozen=True, kw_only=True):
    model_id: Id
    tag_key: Id


class LogLoggedModelParams(Request, frozen=True, kw_only=True):
    model_id: Id
    params: tuple[Entry, ...] | None = None


_MODEL = ExperimentOfModel("model_id")

ROWS: tuple[Endpoint, ...] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="createLoggedModel",
        group="Logged models",
        method="POST",
        path="/mlflow/logged-models",
        request=CreateLoggedModel,
        response=LoggedModelReply,
        needs=edits(Experiment("experiment_id")),
        summary="Announce a model; it is pending until it is finalized.",
    ),
    Endpoint(
        name="searchLoggedModels",
        group="Logged models",
        method="POST",
        path="/mlflow/logged-models/search",
        request=SearchLoggedModels,
        response=LoggedModelsReply,
        needs=reads(EachExperiment("experiment_ids")),
        summary="Find logged models of some experiments by filter, in order, page by page.",
    ),
    Endpoint(
        name="getLoggedModel",
        group="Logged models",
        method="GET",
        path="/mlflow/logged-models/{model_id}",
        request=LoggedModelId,
        response=LoggedModelReply,
        needs=reads(_MODEL),
        summary="Get a logged model with its params, tags and metrics.",
    ),
    Endpoint(
        name="finalizeLoggedModel",
        group="Logged models",
        method="PATCH",
        path="/mlflow/logged-models/{model_id}",
        request=FinalizeLoggedModel,
        response=LoggedModelReply,
        needs=edits(_MODEL),
        summary="Say whether a logged model is ready or its upload has failed.",
    ),
    Endpoint(
        name="deleteLoggedModel",
        group="Logged models",
        method="DELETE",
        path="/mlflow/logged-models/{model_id}",
        request=LoggedModelId,
        response=Nothing,
        needs=manages(_MODEL),
        summary="Move a logged model to the trash.",
    ),
    Endpoint(
        name="setLoggedModelTags",
        group="Logged models",
        method="PATCH",
        path="/mlflow/logged-models/{model_id}/tags",
        request=SetLoggedModelTags,
        response=LoggedModelReply,
        needs=edits(_MODEL),
        summary="Set tags of a logged model.",
    ),
    Endpoint(
        name="deleteLoggedModelTag",
        group="Logged models",
        method="DELETE",
        path="/mlflow/logged-models/{model_id}/tags/{tag_key}",
        request=DeleteLoggedModelTag,
        response=Nothing,
        needs=manages(_MODEL),
        summary="Delete a tag of a logged model.",
    ),
    Endpoint(
        name="logLoggedModelParams",
        group="Logged models",
        method="POST",
        path="/mlflow/logged-models/{model_id}/params",
        request=LogLoggedModelParams,
        response=Nothing,
        needs=edits(_MODEL),
        summary="Add params to a logged model; they cannot be changed later.",
    ),
)
