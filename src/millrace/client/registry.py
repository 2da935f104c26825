"""Verbs for the model registry, which may be elsewhere than runs are: see `set_registry_uri`."""

# The signatures are the field's.
# ruff: noqa: FBT001, FBT002, PLR0913, PLR0917

from __future__ import annotations

import time
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from millrace.api.endpoint import Nothing
from millrace.api.registry import (
    AliasOfModel,
    CommentOfModel,
    CommentReply,
    CommentsReply,
    CreateComment,
    CreateModelVersion,
    CreateRegisteredModel,
    DeleteModelVersionTag,
    DeleteRegisteredModelTag,
    DownloadUri,
    GetLatestVersions,
    LineageReply,
    ListComments,
    ManifestReply,
    ModelName,
    ModelVersionReply,
    ModelVersionsReply,
    RegisteredModelReply,
    RegisteredModelsReply,
    RenameRegisteredModel,
    Search,
    SetModelVersionTag,
    SetRegisteredModelAlias,
    SetRegisteredModelTag,
    TransitionStage,
    UpdateComment,
    UpdateModelVersion,
    UpdateRegisteredModel,
    VerifyReply,
    VersionOfModel,
)
from millrace.api.table import BY_NAME
from millrace.client import connect
from millrace.client.records import entries
from millrace.client.verbs import PagedList, Verbs
from millrace.core import model_uris
from millrace.core.entities.registry import STAGES
from millrace.core.errors import AlreadyExists, InvalidArgument, MillraceError, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from millrace.api.endpoint import Reply, Request
    from millrace.client.batching import Channel
    from millrace.core.entities.registry import (
        Comment,
        FileProblem,
        Lineage,
        Manifest,
        ModelVersion,
        RegisteredModel,
    )
    from millrace.http.patience import Patience

R = TypeVar("R", bound="Reply | Request")

_LOOK_AGAIN_S: Final = 1.0
WAIT_S: Final = 300
"""How long a server that registers in its own time is waited for."""


class RegistryVerbs(Verbs):
    """Register models and versions, find them, and say which one is used."""

    @property
    def registry_uri(self) -> str:
        """Where registered models are: by default, where runs are."""
        return self._registry_uri or connect.registry_uri() or self.tracking_uri

    @cached_property
    def _registry(self) -> Channel:
        uri = self.registry_uri
        return self.channel if uri == self.tracking_uri else connect.channel(uri)

    def _ask(
        self, name: str, request: Request, answer: type[R], patience: Patience | None = None
    ) -> R:
        """As `_call`, of the registry."""
        endpoint = BY_NAME[name]
        if endpoint.response is not answer:
            endpoint = msgspec.structs.replace(endpoint, response=answer)
        found: R = self._registry.call(endpoint, request, patience=patience)
        return found

    # --- registered models ----------------------------------------------------------------------

    def create_registered_model(
        self,
        name: str,
        tags: Mapping[str, object] | None = None,
        description: str | None = None,
        deployment_job_id: str | None = None,
    ) -> RegisteredModel:
        """Register a name; `AlreadyExists` when it is taken."""
        request = CreateRegisteredModel(
            name=name,
            tags=entries("Tag", tags) if tags else None,
            description=description,
            deployment_job_id=deployment_job_id,
        )
        return self._ask("createRegisteredModel", request, RegisteredModelReply).registered_model

    def get_registered_model(self, name: str) -> RegisteredModel:
        """The model with its tags, aliases and latest versions; `NotFound`."""
        return self._ask(
            "getRegisteredModel", ModelName(name=name), RegisteredModelReply
        ).registered_model

    def rename_registered_model(self, name: str, new_name: str) -> RegisteredModel:
        """Rename a model; its versions, tags and aliases move along."""
        request = RenameRegisteredModel(name=name, new_name=new_name)
        return self._ask("renameRegisteredModel", request, RegisteredModelReply).registered_model

    def update_registered_model(
        self, name: str, description: str | None = None, deployment_job_id: str | None = None
    ) -> RegisteredModel:
        """Change the description, as Markdown; None leaves it as it is."""
        request = UpdateRegisteredModel(
            name=name, description=description, deployment_job_id=deployment_job_id
        )
        return self._ask("updateRegisteredModel", request, RegisteredModelReply).registered_model

    def delete_registered_model(self, name: str) -> None:
        """Delete a model with all its versions, for good."""
        self._ask("deleteRegisteredModel", ModelName(name=name), Nothing)

    def search_registered_models(
        self,
        filter_string: str | None = None,
        max_results: int = 100,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[RegisteredModel]:
        """Find models by a filter such as `name LIKE 'risk-%' AND tags.team = 'a'`."""
        request = Search(
            filter=filter_string,
            max_results=max_results,
            order_by=tuple(order_by) if order_by else None,
            page_token=page_token,
        )
        reply = self._ask("searchRegisteredModels", request, RegisteredModelsReply)
        return PagedList(reply.registered_models, reply.next_page_token)

    def get_latest_versions(
        self, name: str, stages: Sequence[str] | None = None
    ) -> list[ModelVersion]:
        """The highest version of each stage, or of *stages*."""
        request = GetLatestVersions(name=name, stages=tuple(stages) if stages else None)
        return list(self._ask("getLatestVersions", request, ModelVersionsReply).model_versions)

    def set_registered_model_tag(self, name: str, key: str, value: object) -> None:
        """Set a tag of a model."""
        request = SetRegisteredModelTag(name=name, key=key, value=str(value))
        self._ask("setRegisteredModelTag", request, Nothing)

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        """Delete a tag of a model, if it is there."""
        request = DeleteRegisteredModelTag(name=name, key=key)
        self._ask("deleteRegisteredModelTag", request, Nothing)

    def set_registered_model_alias(self, name: str, alias: str, version: str | int) -> None:
        """Point an alias at a version, wherever it pointed before."""
        request = SetRegisteredModelAlias(name=name, alias=alias, version=str(version))
        self._ask("setRegisteredModelAlias", request, Nothing)

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        """Delete an alias, if it is there."""
        self._ask("deleteRegisteredModelAlias", AliasOfModel(name=name, alias=alias), Nothing)

    def get_model_version_by_alias(self, name: str, alias: str) -> ModelVersion:
        """The version that an alias points at; `latest` is the highest one."""
        request = AliasOfModel(name=name, alias=alias)
        return self._ask("getModelVersionByAlias", request, ModelVersionReply).model_version

    # --- versions -------------------------------------------------------------------------------

    def create_model_version(
        self,
        name: str,
        source: str,
        run_id: str | None = None,
        tags: Mapping[str, object] | None = None,
        run_link: str | None = None,
        description: str | None = None,
        await_creation_for: int | None = WAIT_S,
        model_id: str | None = None,
    ) -> ModelVersion:
        """Register a version of a model under the next number.

        *source* says where its files are: `models:/<logged model>` with *model_id*, `runs:/...`
        with *run_id*, `models:/<name>/<version>` for a copy, or a place. *await_creation_for*:
        seconds that a server which registers in its own time is waited for.
        """
        request = CreateModelVersion(
            name=name,
            source=source,
            run_id=self._id(run_id) if run_id else None,
            tags=entries("Tag", tags) if tags else None,
            run_link=run_link,
            description=description,
            model_id=model_id,
        )
        made = self._ask("createModelVersion", request, ModelVersionReply).model_version
        return self._when_ready(made, await_creation_for or 0)

    def _when_ready(self, version: ModelVersion, wait_s: float) -> ModelVersion:
        deadline = time.monotonic() + wait_s
        while version.status == "PENDING_REGISTRATION" and time.monotonic() < deadline:
            time.sleep(_LOOK_AGAIN_S)
            version = self.get_model_version(version.name, version.version)
        if version.status == "FAILED_REGISTRATION":
            raise MillraceError(
                f"Registering version {version.version} of {version.name!r} failed: "
                f"{version.status_message or 'the server does not say why'}."
            )
        return version

    def copy_model_version(self, src_model_uri: str, dst_name: str) -> ModelVersion:
        """Register a version again under another name, which is made if need be."""
        if isinstance(model_uris.parse(src_model_uri), model_uris.ById):
            raise InvalidArgument(f"{src_model_uri!r} names no registered version to copy.")
        with suppress(AlreadyExists):
            self.create_registered_model(dst_name)
        return self.create_model_version(dst_name, src_model_uri)

    def get_model_version(self, name: str, version: str | int) -> ModelVersion:
        """The version with its tags and aliases; `NotFound`."""
        request = VersionOfModel(name=name, version=str(version))
        return self._ask("getModelVersion", request, ModelVersionReply).model_version

    def update_model_version(
        self, name: str, version: str | int, description: str | None = None
    ) -> ModelVersion:
        """Change the description, as Markdown; None leaves it as it is."""
        request = UpdateModelVersion(name=name, version=str(version), description=description)
        return self._ask("updateModelVersion", request, ModelVersionReply).model_version

    def transition_model_version_stage(
        self,
        name: str,
        version: str | int,
        stage: str,
        archive_existing_versions: bool = False,
    ) -> ModelVersion:
        """Move a version to a stage; others there go to the archive if asked."""
        request = TransitionStage(
            name=name,
            version=str(version),
            stage=stage,
            archive_existing_versions=archive_existing_versions,
        )
        return self._ask("transitionModelVersionStage", request, ModelVersionReply).model_version

    def delete_model_version(self, name: str, version: str | int) -> None:
        """Delete a version with its tags and aliases, for good."""
        self._ask("deleteModelVersion", VersionOfModel(name=name, version=str(version)), Nothing)

    def search_model_versions(
        self,
        filter_string: str | None = None,
        max_results: int = 10_000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[ModelVersion]:
        """Find versions by a filter such as `name = 'risk' AND version_number > 3`."""
        request = Search(
            filter=filter_string,
            max_results=max_results,
            order_by=tuple(order_by) if order_by else None,
            page_token=page_token,
        )
        reply = self._ask("searchModelVersions", request, ModelVersionsReply)
        return PagedList(reply.model_versions, reply.next_page_token)

    @staticmethod
    def get_model_version_stages(name: str, version: str | int) -> list[str]:
        """The stages that a version may be in."""
        del name, version
        return list(STAGES)

    def get_model_version_download_uri(self, name: str, version: str | int) -> str:
        """Where the files of a version are."""
        request = VersionOfModel(name=name, version=str(version))
        return self._ask("getModelVersionDownloadUri", request, DownloadUri).artifact_uri

    def set_model_version_tag(
        self,
        name: str,
        version: str | int | None = None,
        key: str | None = None,
        value: object = None,
        stage: str | None = None,
    ) -> None:
        """Set a tag of a version, or of the latest one in a stage."""
        request = SetModelVersionTag(
            name=name,
            version=self._number(name, version, stage),
            key=key or "",
            value="" if value is None else str(value),
        )
        self._ask("setModelVersionTag", request, Nothing)

    def delete_model_version_tag(
        self,
        name: str,
        version: str | int | None = None,
        key: str | None = None,
        stage: str | None = None,
    ) -> None:
        """Delete a tag of a version, or of the latest one in a stage, if it is there."""
        request = DeleteModelVersionTag(
            name=name, version=self._number(name, version, stage), key=key or ""
        )
        self._ask("deleteModelVersionTag", request, Nothing)

    def _number(self, name: str, version: str | int | None, stage: str | None) -> str:
        if (version is None) == (stage is None):
            raise InvalidArgument("Give a version or a stage, and not both.")
        if version is not None:
            return str(version)
        return self.model_version_at(model_uris.parse(f"models:/{name}/{stage}")).version

    # --- what is known and said of them ----------------------------------------------------------

    def get_model_version_lineage(self, name: str, version: str | int) -> Lineage:
        """What a version was made from (run, data sets, code, parent), and its copies."""
        request = VersionOfModel(name=name, version=str(version))
        return self._ask("getModelVersionLineage", request, LineageReply).lineage

    def get_model_version_manifest(self, name: str, version: str | int) -> Manifest:
        """The files of a version as they were when it was registered."""
        request = VersionOfModel(name=name, version=str(version))
        return self._ask("getModelVersionManifest", request, ManifestReply).manifest

    def verify_model_version(self, name: str, version: str | int) -> list[FileProblem]:
        """Have the server read all files of a version: what is not as it was registered."""
        request = VersionOfModel(name=name, version=str(version))
        return list(self._ask("verifyModelVersion", request, VerifyReply).problems)

    def create_comment(self, name: str, comment: str, version: str | int | None = None) -> Comment:
        """Say something of a model, or of a version of it, as Markdown."""
        request = CreateComment(
            name=name, comment=comment, version=None if version is None else str(version)
        )
        return self._ask("createComment", request, CommentReply).comment

    def update_comment(self, name: str, comment_id: str, comment: str) -> Comment:
        """Change a comment of one's own."""
        request = UpdateComment(name=name, id=comment_id, comment=comment)
        return self._ask("updateComment", request, CommentReply).comment

    def delete_comment(self, name: str, comment_id: str) -> None:
        """Delete a comment of one's own."""
        self._ask("deleteComment", CommentOfModel(name=name, id=comment_id), Nothing)

    def list_comments(
        self,
        name: str,
        version: str | int | None = None,
        max_results: int = 100,
        page_token: str | None = None,
    ) -> PagedList[Comment]:
        """Comments on a version, or on the model itself, in their order."""
        request = ListComments(
            name=name,
            version=None if version is None else str(version),
            max_results=max_results,
            page_token=page_token,
        )
        reply = self._ask("listComments", request, CommentsReply)
        return PagedList(reply.comments, reply.next_page_token)

    # --- by URI ----------------------------------------------------------------------------------

    def model_version_at(self, uri: str | model_uris.ModelUri) -> ModelVersion:
        """The registered version that a `models:/` URI names; `NotFound`."""
        named = model_uris.parse(uri) if isinstance(uri, str) else uri
        match named:
            case model_uris.ByNumber():
                return self.get_model_version(named.name, named.version)
            case model_uris.ByAlias():
                return self.get_model_version_by_alias(named.name, named.alias)
            case model_uris.ByStage():
                found = self.get_latest_versions(named.name, [named.stage])
                where = f"in stage {named.stage}"
            case model_uris.Latest():
                found = self.get_latest_versions(named.name)
                where = "at all"
            case model_uris.ById():
                raise InvalidArgument(f"{named.model_id} is a logged model, not a version.")
        if not found:
            raise NotFound(f"Registered model {named.name!r} has no version {where}.")
        return max(found, key=lambda one: int(one.version))
