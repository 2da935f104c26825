"""Records of registered models and their versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from millrace.core.entities.audit import NO_TRAIL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    import msgspec

    from millrace.core.entities.audit import Trail
    from millrace.core.entities.registry import (
        Comment,
        Manifest,
        ModelVersion,
        Move,
        NewVersion,
        RegisteredModel,
        RegisteredModelChange,
        Stage,
        VersionChange,
    )
    from millrace.core.pages import Page, Position
    from millrace.stores.protocols.tracking import Query


class RegistryStore(Protocol):
    """Records of registered models and their versions.

    What is read comes as wire JSON (encoded `RegisteredModel` or `ModelVersion`): it is kept ready.
    Version numbers are given out once: dense while nothing is deleted, and never again under the
    same model. A new version, one that enters a stage and one that is deleted are changes of their
    model, too.
    """

    # models
    def add_registered_model(
        self, model: RegisteredModel, *, trail: Trail = NO_TRAIL
    ) -> Future[RegisteredModel]:
        """Record a model with its tags. AlreadyExists: the name is taken."""
        ...

    def registered_model(self, name: str) -> msgspec.Raw | None:
        """The model with its tags, aliases and the highest version of each stage."""
        ...

    def change_registered_model(
        self, name: str, change: RegisteredModelChange, *, trail: Trail = NO_TRAIL
    ) -> Future[RegisteredModel]:
        """Change a model; under a new name it keeps everything. NotFound; AlreadyExists: the new
        name is taken. A tag to delete need not be there."""
        ...

    def delete_registered_model(self, name: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a model with its versions, tags and aliases. NotFound."""
        ...

    def find_registered_models(
        self, query: Query, *, prompts: bool | None = None
    ) -> Page[msgspec.Raw]:
        """Matching models; *prompts*: only prompts (True), or all but prompts (False)."""
        ...

    # versions
    def add_version(self, version: NewVersion, *, trail: Trail = NO_TRAIL) -> Future[ModelVersion]:
        """Record a version under the next number. NotFound: the model, or the version that it is a
        copy of, is not there. A logged model of the same place learns of it by its tag
        `mlflow.modelVersions`."""
        ...

    def version(self, name: str, version: int) -> msgspec.Raw | None: ...

    def latest_versions(self, name: str, stages: Sequence[Stage]) -> list[msgspec.Raw] | None:
        """The highest version of each of *stages*, as far as there are any; None: no such model."""
        ...

    def highest_version(self, name: str) -> msgspec.Raw | None:
        """The version with the greatest number."""
        ...

    def version_at(self, name: str, alias: str) -> msgspec.Raw | None:
        """The version that the alias points at."""
        ...

    def location(self, name: str, version: int) -> str | None:
        """Where the files of a version are."""
        ...

    def locations_naming(self, text: str) -> list[str]:
        """Where files of versions are, of those places that have *text* in them."""
        ...

    def change_version(
        self, name: str, version: int, change: VersionChange, *, trail: Trail = NO_TRAIL
    ) -> Future[ModelVersion]:
        """Change a version. NotFound. A tag to delete need not be there."""
        ...

    def move(self, move: Move, *, trail: Trail = NO_TRAIL) -> Future[ModelVersion | None]:
        """Put a version into a stage, or an alias on a version; the version as it is then, None
        when an alias was deleted. NotFound. An alias to delete need not be there."""
        ...

    def delete_version(
        self, name: str, version: int, *, at_ms: int, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Delete a version with its tags and aliases. NotFound."""
        ...

    def find_versions(self, query: Query, *, prompts: bool | None = None) -> Page[msgspec.Raw]:
        """Matching versions; *prompts* as for models."""
        ...

    def versions_from(
        self, *, run_ids: Sequence[str] = (), model_ids: Sequence[str] = ()
    ) -> dict[str, list[tuple[str, str]]]:
        """Versions (name, version) that come from these runs and logged models, by the id of that;
        ids that no version comes from are left out. What is in may not be deleted for good."""
        ...

    def versions_elsewhere(self) -> list[tuple[str, str, str]]:
        """Versions (name, version, where its files are) that have files, but not in a folder
        `/<id>/artifacts` of the run or logged model that they come from, if from any."""
        ...

    def parent(self, name: str, version: int) -> tuple[str, str] | None:
        """The version (name, version) that this one is a copy of, if it is still there."""
        ...

    def children(self, name: str, version: int) -> list[tuple[str, str]]:
        """The versions that are copies of this one."""
        ...

    # manifests
    def manifest(self, name: str, version: int) -> Manifest | None:
        """The manifest of a version; None when there is none (no such version, or a prompt). A new
        version's is PENDING; a copy has that of its parent."""
        ...

    def pending_manifests(self, limit: int) -> list[tuple[str, int]]:
        """Some versions whose manifest is PENDING, the oldest first."""
        ...

    def settle_manifest(
        self, name: str, version: int, manifest: Manifest, *, trail: Trail = NO_TRAIL
    ) -> Future[Manifest]:
        """Record the manifest of a version; the one that holds from now on: what is RECORDED
        stays. NotFound."""
        ...

    # comments
    def add_comment(self, comment: Comment, *, trail: Trail = NO_TRAIL) -> Future[Comment]:
        """Record a comment. NotFound: the model or version is not there."""
        ...

    def comment(self, name: str, comment_id: str) -> Comment | None:
        """A comment on a model or on one of its versions."""
        ...

    def change_comment(
        self, name: str, comment_id: str, text: str, *, at_ms: int, trail: Trail = NO_TRAIL
    ) -> Future[Comment]:
        """Change the text of a comment. NotFound."""
        ...

    def delete_comment(
        self, name: str, comment_id: str, *, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Delete a comment. NotFound."""
        ...

    def comments(
        self, name: str, version: int | None, *, limit: int, after: Position | None
    ) -> Page[Comment]:
        """Comments on a version, or on the model itself, by time then id."""
        ...
