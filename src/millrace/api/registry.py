"""The model registry: requests, replies, endpoints."""

from __future__ import annotations

from millrace.api.endpoint import (
    Endpoint,
    Id,
    Int64,
    Nothing,
    RegisteredModel,
    Reply,
    Request,
    Results,
    edits,
    manages,
    reads,
)
from millrace.api.tracking import Entry
from millrace.core.entities import registry as entities


class CreateRegisteredModel(Request, frozen=True, kw_only=True):
    name: Id
    tags: tuple[Entry, ...] | None = None
    description: str | None = None
    deployment_job_id: str | None = None


class RegisteredModelReply(Reply, frozen=True, kw_only=True):
    registered_model: entities.RegisteredModel


class RenameRegisteredModel(Request, frozen=True, kw_only=True):
    name: Id
    new_name: Id


class UpdateRegisteredModel(Request, frozen=True, kw_only=True):
    name: Id
    description: str | None = None
    deployment_job_id: str | None = None


class ModelName(Request, frozen=True, kw_only=True):
    name: Id


class Search(Request, frozen=True, kw_only=True):
    filter: str | None = None
    max_results: Int64 | None = None
    order_by: tuple[str, ...] | None = None
    page_token: str | None = None


class RegisteredModelsReply(Reply, frozen=True, kw_only=True):
    registered_models: tuple[entities.RegisteredModel, ...] = ()
    next_page_token: str | None = None


class GetLatestVersions(Request, frozen=True, kw_only=True):
    name: Id
    stages: tuple[str, ...] | None = None


class ModelVersionsReply(Reply, frozen=True, kw_only=True):
    model_versions: tuple[entities.ModelVersion, ...] = ()
    next_page_token: str | None = None


class SetRegisteredModelTag(Request, frozen=True, kw_only=True):
    name: Id
    key: Id
    value: str | None = None


class DeleteRegisteredModelTag(Request, frozen=True, kw_only=True):
    name: Id
    key: Id


class SetRegisteredModelAlias(Request, frozen=True, kw_only=True):
    name: Id
    alias: Id
    version: Id


class AliasOfModel(Request, frozen=True, kw_only=True):
    name: Id
    alias: Id


class ModelVersionReply(Reply, frozen=True, kw_only=True):
    model_version: entities.ModelVersion


class CreateModelVersion(Request, frozen=True, kw_only=True):
    name: Id
    source: Id
    run_id: str | None = None
    tags: tuple[Entry, ...] | None = None
    run_link: str | None = None
    description: str | None = None
    model_id: str | None = None


class VersionOfModel(Request, frozen=True, kw_only=True):
    name: Id
    version: Id


class UpdateModelVersion(Request, frozen=True, kw_only=True):
    name: Id
    version: Id
    description: str | None = None


class TransitionStage(Request, frozen=True, kw_only=True):
    name: Id
    version: Id
    stage: Id
    archive_existing_versions: bool | None = None


class DownloadUri(Reply, frozen=True, kw_only=True):
    artifact_uri: str


class SetModelVersionTag(Request, frozen=True, kw_only=True):
    name: Id
    version: Id
    key: Id
    value: str | None = None


class DeleteModelVersionTag(Request, frozen=True, kw_only=True):
    name: Id
    version: Id
    key: Id


class LineageReply(Reply, frozen=True, kw_only=True):
    lineage: entities.Lineage


class ManifestReply(Reply, frozen=True, kw_only=True):
    manifest: entities.Manifest


class VerifyReply(Reply, frozen=True, kw_only=True):
    ok: bool
    manifest: entities.Manifest
    problems: tuple[entities.FileProblem, ...] = ()


class CreateComment(Request, frozen=True, kw_only=True):
    name: Id
    comment: Id
    version: str | None = None


class UpdateComment(Request, frozen=True, kw_only=True):
    name: Id
    id: Id
    comment: Id


class CommentOfModel(Request, frozen=True, kw_only=True):
    name: Id
    id: Id


class CommentReply(Reply, frozen=True, kw_only=True):
    comment: entities.Comment


class ListComments(Request, frozen=True, kw_only=True):
    name: Id
    version: str | None = None
    max_results: Int64 | None = None
    page_token: str | None = None


class CommentsReply(Reply, frozen=True, kw_only=True):
    comments: tuple[entities.Comment, ...] = ()
    next_page_token: str | None = None


_MODEL = RegisteredModel("name")
_MODELS, _VERSIONS, _COMMENTS = "Registered models", "Model versions", "Comments"
_READABLE = reads(Results("registered models"))

ROWS: tuple[Endpoint, ...] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="createRegisteredModel",
        group=_MODELS,
        method="POST",
        path="/mlflow/registered-models/create",
        request=CreateRegisteredModel,
        response=RegisteredModelReply,
        needs=edits(Results("registered models")),
        summary="Register a name that versions of a model are kept under.",
    ),
    Endpoint(
        name="renameRegisteredModel",
        group=_MODELS,
        method="POST",
        path="/mlflow/registered-models/rename",
        request=RenameRegisteredModel,
        response=RegisteredModelReply,
        needs=edits(_MODEL),
        summary="Rename a registered model; its versions, tags and aliases move along.",
    ),
    Endpoint(
        name="updateRegisteredModel",
        group=_MODELS,
        method="PATCH",
        path="/mlflow/registered-models/update",
        request=UpdateRegisteredModel,
        response=RegisteredModelReply,
        needs=edits(_MODEL),
        summary="Change the description of a registered model; what is absent stays.",
    ),
    Endpoint(
        name="deleteRegisteredModel",
        group=_MODELS,
        method="DELETE",
        path="/mlflow/registered-models/delete",
        request=ModelName,
        response=Nothing,
        needs=manages(_MODEL),
        summary="Delete a registered model with its versions, tags and aliases, for good.",
    ),
    Endpoint(
        name="getRegisteredModel",
        group=_MODELS,
        method="GET",
        path="/mlflow/registered-models/get",
        request=ModelName,
        response=RegisteredModelReply,
        needs=reads(_MODEL),
        summary="Get a registered model with its tags, aliases and latest versions.",
    ),
    Endpoint(
        name="searchRegisteredModels",
        group=_MODELS,
        method="GET",
        path="/mlflow/registered-models/search",
        request=Search,
        response=RegisteredModelsReply,
        needs=_READABLE,
        summary="Find registered models by filter, in order, page by page.",
    ),
    Endpoint(
        name="getLatestVersions",
        group=_MODELS,
        method="POST",
        path="/mlflow/registered-models/get-latest-versions",
        request=GetLatestVersions,
        response=ModelVersionsReply,
        needs=reads(_MODEL),
        summary="Get the highest version of each stage, or of those that are named.",
    ),
    Endpoint(
        name="getLatestVersionsByQuery",
        group=_MODELS,
        method="GET",
        path="/mlflow/registered-models/get-latest-versions",
        request=GetLatestVersions,
        response=ModelVersionsReply,
        needs=reads(_MODEL),
        summary="As getLatestVersions, with query arguments.",
    ),
    Endpoint(
        name="setRegisteredModelTag",
        group=_MODELS,
        method="POST",
        path="/mlflow/registered-models/set-tag",
        request=SetRegisteredModelTag,
        response=Nothing,
        needs=edits(_MODEL),
        summary="Set a tag of a registered model.",
    ),
    Endpoint(
        name="deleteRegisteredModelTag",
        group=_MODELS,
        method="DELETE",
        path="/mlflow/registered-models/delete-tag",
        request=DeleteRegisteredModelTag,
        response=Nothing,
        needs=edits(_MODEL),
        summary="Delete a tag of a registered model; nothing happens when it is not there.",
    ),
    Endpoint(
        name="setRegisteredModelAlias",
        group=_MODELS,
        method="POST",
        path="/mlflow/registered-models/alias",
        request=SetRegisteredModelAlias,
        response=Nothing,
        needs=edits(_MODEL),
        summary="Point an alias at a version, wherever it pointed before.",
    ),
    Endpoint(
        name="deleteRegisteredModelAlias",
        group=_MODELS,
        method="DELETE",
        path="/mlflow/registered-models/alias",
        request=AliasOfModel,
        response=Nothing,
        needs=edits(_MODEL),
        summary="Delete an alias; nothing happens when it is not there.",
    ),
    Endpoint(
        name="getModelVersionByAlias",
        group=_MODELS,
        method="GET",
        path="/mlflow/registered-models/alias",
        request=AliasOfModel,
        response=ModelVersionReply,
        needs=reads(_MODEL),
        summary="Get the version that an alias points at; `latest` is the highest one.",
    ),
    Endpoint(
        name="createModelVersion",
        group=_VERSIONS,
        method="POST",
        path="/mlflow/model-versions/create",
        request=CreateModelVersion,
        response=ModelVersionReply,
        needs=edits(_MODEL),
        summary="Register a version under the next number, which is never given again.",
    ),
    Endpoint(
        name="updateModelVersion",
        group=_VERSIONS,
        method="PATCH",
        path="/mlflow/model-versions/update",
        request=UpdateModelVersion,
        response=ModelVersionReply,
        needs=edits(_MODEL),
        summary="Change the description of a version; absent, it stays.",
    ),
    Endpoint(
        name="transitionModelVersionStage",
        group=_VERSIONS,
        method="POST",
        path="/mlflow/model-versions/transition-stage",
        request=TransitionStage,
        response=ModelVersionReply,
        needs=edits(_MODEL),
        summary="Move a version to a stage, and others there to the archive if asked.",
    ),
    Endpoint(
        name="deleteModelVersion",
        group=_VERSIONS,
        method="DELETE",
        path="/mlflow/model-versions/delete",
        request=VersionOfModel,
        response=Nothing,
        needs=manages(_MODEL),
        summary="Delete a version with its tags and aliases, for good.",
    ),
    Endpoint(
        name="getModelVersion",
        group=_VERSIONS,
        method="GET",
        path="/mlflow/model-versions/get",
        request=VersionOfModel,
        response=ModelVersionReply,
        needs=reads(_MODEL),
        summary="Get a version with its tags and aliases.",
    ),
    Endpoint(
        name="searchModelVersions",
        group=_VERSIONS,
        method="GET",
        path="/mlflow/model-versions/search",
        request=Search,
        response=ModelVersionsReply,
        needs=_READABLE,
        summary="Find versions by filter, in order, page by page.",
    ),
    Endpoint(
        name="getModelVersionDownloadUri",
        group=_VERSIONS,
        method="GET",
        path="/mlflow/model-versions/get-download-uri",
        request=VersionOfModel,
        response=DownloadUri,
        needs=reads(_MODEL),
        summary="Get the place that the files of a version are loaded from.",
    ),
    Endpoint(
        name="setModelVersionTag",
        group=_VERSIONS,
        method="POST",
        path="/mlflow/model-versions/set-tag",
        request=SetModelVersionTag,
        response=Nothing,
        needs=edits(_MODEL),
        summary="Set a tag of a version.",
    ),
    Endpoint(
        name="deleteModelVersionTag",
        group=_VERSIONS,
        method="DELETE",
        path="/mlflow/model-versions/delete-tag",
        request=DeleteModelVersionTag,
        response=Nothing,
        needs=manages(_MODEL),
        summary="Delete a tag of a version; nothing happens when it is not there.",
    ),
    Endpoint(
        name="getModelVersionLineage",
        group=_VERSIONS,
        method="GET",
        path="/mlflow/model-versions/lineage",
        request=VersionOfModel,
        response=LineageReply,
        needs=reads(_MODEL),
        summary="Get what a version was made from: run, data sets, code, parent; and its copies.",
    ),
    Endpoint(
        name="getModelVersionManifest",
        group=_VERSIONS,
        method="GET",
        path="/mlflow/model-versions/manifest",
        request=VersionOfModel,
        response=ManifestReply,
        needs=reads(_MODEL),
        summary="Get the files of a version as they were when it was registered.",
    ),
    Endpoint(
        name="verifyModelVersion",
        group=_VERSIONS,
        method="GET",
        path="/mlflow/model-versions/verify",
        request=VersionOfModel,
        response=VerifyReply,
        needs=reads(_MODEL),
        summary="Read all files of a version and compare them with its manifest.",
    ),
    Endpoint(
        name="createComment",
        group=_COMMENTS,
        method="POST",
        path="/mlflow/comments/create",
        request=CreateComment,
        response=CommentReply,
        needs=edits(_MODEL),
        summary="Say something of a registered model, or of a version of it.",
    ),
    Endpoint(
        name="updateComment",
        group=_COMMENTS,
        method="PATCH",
        path="/mlflow/comments/update",
        request=UpdateComment,
        response=CommentReply,
        needs=edits(_MODEL),
        summary="Change a comment of one's own.",
    ),
    Endpoint(
        name="deleteComment",
        group=_COMMENTS,
        method="DELETE",
        path="/mlflow/comments/delete",
        request=CommentOfModel,
        response=Nothing,
        needs=edits(_MODEL),
        summary="Delete a comment of one's own; an administrator may delete any.",
    ),
    Endpoint(
        name="listComments",
        group=_COMMENTS,
        method="GET",
        path="/mlflow/comments/list",
        request=ListComments,
        response=CommentsReply,
        needs=reads(_MODEL),
        summary="List the comments on a registered model, or on a version of it, in their order.",
    ),
)
