"""Evaluation data sets as plain records: requests, replies, endpoints. JSON travels as text."""

from __future__ import annotations

from typing import Literal

from millrace.api.endpoint import (
    MIB,
    SIGNED_IN,
    EachExperiment,
    Endpoint,
    ExperimentsOfDataset,
    Id,
    Int64,
    Nothing,
    Reply,
    Request,
    edits,
    manages,
    reads,
)
from millrace.core.entities.dataset import EvaluationDataset

SourceType = Literal["SOURCE_TYPE_UNSPECIFIED", "TRACE", "HUMAN", "DOCUMENT", "CODE"]


class CreateDataset(Request, frozen=True, kw_only=True):
    name: Id
    experiment_ids: tuple[str, ...] | None = None
    source_type: SourceType | Int64 | None = None
    source: str | None = None
    schema: str | None = None
    profile: str | None = None
    created_by: str | None = None
    tags: str | None = None


class DatasetReply(Reply, frozen=True, kw_only=True):
    dataset: EvaluationDataset
    next_page_token: str | None = None


class DatasetId(Request, frozen=True, kw_only=True):
    dataset_id: Id
    page_token: str | None = None


class SearchEvaluationDatasets(Request, frozen=True, kw_only=True):
    experiment_ids: tuple[str, ...] | None = None
    filter_string: str | None = None
    max_results: Int64 | None = None
    order_by: tuple[str, ...] | None = None
    page_token: str | None = None


class DatasetsReply(Reply, frozen=True, kw_only=True):
    datasets: tuple[EvaluationDataset, ...] = ()
    next_page_token: str | None = None


class SetDatasetTags(Request, frozen=True, kw_only=True):
    dataset_id: Id
    tags: Id


class DeleteDatasetTag(Request, frozen=True, kw_only=True):
    dataset_id: Id
    key: Id


class UpsertDatasetRecords(Request, frozen=True, kw_only=True):
    dataset_id: Id
    records: Id
    updated_by: str | None = None


class RecordsUpserted(Reply, frozen=True, kw_only=True):
    inserted_count: int
    updated_count: int


class ExperimentIdsReply(Reply, frozen=True, kw_only=True):
    experiment_ids: tuple[str, ...] = ()


class GetDatasetRecords(Request, frozen=True, kw_only=True):
    dataset_id: Id
    max_results: Int64 | None = None
    page_token: str | None = None


class RecordsReply(Reply, frozen=True, kw_only=True):
    records: str
    next_page_token: str | None = None


class DeleteDatasetRecords(Request, frozen=True, kw_only=True):
    dataset_id: Id
    dataset_record_ids: tuple[str, ...] | None = None


class RecordsDeleted(Reply, frozen=True, kw_only=True):
    deleted_count: int


class DatasetExperiments(Request, frozen=True, kw_only=True):
    dataset_id: Id
    experiment_ids: tuple[str, ...] | None = None


_DATASET = ExperimentsOfDataset("dataset_id")
_GROUP = "Evaluation datasets"
_V3 = ("3.0",)

ROWS: tuple[Endpoint, ...] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="createDataset",
        group=_GROUP,
        method="POST",
        path="/mlflow/datasets/create",
        versions=_V3,
        request=CreateDataset,
        response=DatasetReply,
        needs=edits(EachExperiment("experiment_ids")),
        summary="Create an evaluation data set.",
    ),
    Endpoint(
        name="searchEvaluationDatasets",
        group=_GROUP,
        method="POST",
        path="/mlflow/datasets/search",
        versions=_V3,
        request=SearchEvaluationDatasets,
        response=DatasetsReply,
        needs=SIGNED_IN,
        summary="Find evaluation data sets by filter, in order, page by page.",
    ),
    Endpoint(
        name="searchEvaluationDatasetsByQuery",
        group=_GROUP,
        method="GET",
        path="/mlflow/datasets/search",
        versions=_V3,
        request=SearchEvaluationDatasets,
        response=DatasetsReply,
        needs=SIGNED_IN,
        summary="Find evaluation data sets by filter, in order, page by page.",
    ),
    Endpoint(
        name="getDataset",
        group=_GROUP,
        method="GET",
        path="/mlflow/datasets/{dataset_id}",
        versions=_V3,
        request=DatasetId,
        response=DatasetReply,
        needs=reads(_DATASET),
        summary="Get an evaluation data set without its records.",
    ),
    Endpoint(
        name="deleteDataset",
        group=_GROUP,
        method="DELETE",
        path="/mlflow/datasets/{dataset_id}",
        versions=_V3,
        request=DatasetId,
        response=Nothing,
        needs=manages(_DATASET),
        summary="Delete an evaluation data set and its records for good.",
    ),
    Endpoint(
        name="setDatasetTags",
        group=_GROUP,
        method="PATCH",
        path="/mlflow/datasets/{dataset_id}/tags",
        versions=_V3,
        request=SetDatasetTags,
        response=DatasetReply,
        needs=edits(_DATASET),
        summary="Set tags of an evaluation data set, given as a JSON object.",
    ),
    Endpoint(
        name="deleteDatasetTag",
        group=_GROUP,
        method="DELETE",
        path="/mlflow/datasets/{dataset_id}/tags/{key}",
        versions=_V3,
        request=DeleteDatasetTag,
        response=Nothing,
        needs=edits(_DATASET),
        summary="Delete a tag of an evaluation data set.",
    ),
    Endpoint(
        name="upsertDatasetRecords",
        group=_GROUP,
        method="POST",
        path="/mlflow/datasets/{dataset_id}/records",
        versions=_V3,
        request=UpsertDatasetRecords,
        response=RecordsUpserted,
        needs=edits(_DATASET),
        body_limit=16 * MIB,
        summary="Add records, or update those with the same inputs, given as a JSON list.",
    ),
    Endpoint(
        name="getDatasetExperimentIds",
        group=_GROUP,
        method="GET",
        path="/mlflow/datasets/{dataset_id}/experiment-ids",
        versions=_V3,
        request=DatasetId,
        response=ExperimentIdsReply,
        needs=reads(_DATASET),
        summary="List the experiments that an evaluation data set belongs to.",
    ),
    Endpoint(
        name="getDatasetRecords",
        group=_GROUP,
        method="GET",
        path="/mlflow/datasets/{dataset_id}/records",
        versions=_V3,
        request=GetDatasetRecords,
        response=RecordsReply,
        needs=reads(_DATASET),
        summary="Get the records of an evaluation data set, page by page.",
    ),
    Endpoint(
        name="deleteDatasetRecords",
        group=_GROUP,
        method="DELETE",
        path="/mlflow/datasets/{dataset_id}/records",
        versions=_V3,
        request=DeleteDatasetRecords,
        response=RecordsDeleted,
        needs=edits(_DATASET),
        summary="Delete some records of an evaluation data set.",
    ),
    Endpoint(
        name="addDatasetToExperiments",
        group=_GROUP,
        method="POST",
        path="/mlflow/datasets/{dataset_id}/add-experiments",
        versions=_V3,
        request=DatasetExperiments,
        response=DatasetReply,
        needs=edits(_DATASET),
        summary="Let an evaluation data set belong to further experiments.",
    ),
    Endpoint(
        name="removeDatasetFromExperiments",
        group=_GROUP,
        method="POST",
        path="/mlflow/datasets/{dataset_id}/remove-experiments",
        versions=_V3,
        request=DatasetExperiments,
        response=DatasetReply,
        needs=edits(_DATASET),
        summary="Let an evaluation data set no longer belong to some experiments.",
    ),
)
