"""Registered models, their versions, and what is said and known of them."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec

from millrace.core.entities.dataset import DatasetInput
from millrace.core.entities.entity import Entity, KeyValue, mapping
from millrace.core.entities.model_server import ModelServer

Stage = Literal["None", "Staging", "Production", "Archived"]
STAGES: Final[tuple[Stage, ...]] = ("None", "Staging", "Production", "Archived")

VersionStatus = Literal["PENDING_REGISTRATION", "FAILED_REGISTRATION", "READY"]


class Alias(Entity, frozen=True, kw_only=True):
    """A name that points at one version of a model."""

    alias: str
    version: str


class ModelVersion(Entity, frozen=True, kw_only=True):
    """One version of a registered model. Times in milliseconds since the epoch."""

    name: str
    version: str
    creation_timestamp: int
    last_updated_timestamp: int
    current_stage: Stage
    source: str
    run_id: str
    status: VersionStatus
    run_link: str
    user_id: str | None = None
    description: str | None = None
    status_message: str | None = None
    model_id: str | None = None
    tag_list: tuple[KeyValue, ...] = msgspec.field(default=(), name="tags")
    alias_list: tuple[str, ...] = msgspec.field(default=(), name="aliases")

    @property
    def tags(self) -> dict[str, str]:
        """Tags by key."""
        return mapping(self.tag_list)

    @property
    def aliases(self) -> list[str]:
        """The aliases that point here, sorted."""
        return list(self.alias_list)

    @property
    def place(self) -> str:
        """`name/version`: what the audit trail calls it."""
        return f"{self.name}/{self.version}"


class RegisteredModel(Entity, frozen=True, kw_only=True):
    """A name under which versions of a model are kept. Times in milliseconds since the epoch."""

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    user_id: str | None = None
    description: str | None = None
    latest_version_list: tuple[ModelVersion, ...] = msgspec.field(
        default=(), name="latest_versions"
    )
    tag_list: tuple[KeyValue, ...] = msgspec.field(default=(), name="tags")
    alias_list: tuple[Alias, ...] = msgspec.field(default=(), name="aliases")
    deployment_job_id: str | None = None

    @property
    def latest_versions(self) -> list[ModelVersion]:
        """The highest version of each stage that has any."""
        return list(self.latest_version_list)

    @property
    def tags(self) -> dict[str, str]:
        """Tags by key."""
        return mapping(self.tag_list)

    @property
    def aliases(self) -> dict[str, str]:
        """The version that each alias points at."""
        return {one.alias: one.version for one in self.alias_list}

    def recorded(self) -> dict[str, object]:
        """What the audit trail tells of it: all but its versions, which are audited apart."""
        told = {name: value for name, value in self if name != "latest_versions"}
        return {name: value for name, value in told.items() if value not in (None, {})}


ManifestState = Literal["PENDING", "RECORDED", "UNREADABLE"]
MANIFEST_STATES: Final[tuple[ManifestState, ...]] = ("PENDING", "RECORDED", "UNREADABLE")


class ManifestFile(Entity, frozen=True, kw_only=True):
    """A file of a version: path below its root, size in bytes, SHA-256 in hexadecimal."""

    path: str
    size: int
    sha256: str


class Manifest(Entity, frozen=True, kw_only=True):
    """The files of a version as they were when it was registered.

    PENDING: nobody has looked yet. UNREADABLE: the server cannot read them; `message` says why.
    """

    state: ManifestState
    digest: str | None = None
    recorded_ms: int | None = None
    message: str | None = None
    files: tuple[ManifestFile, ...] = ()


class NewVersion(Entity, frozen=True, kw_only=True):
    """A version to be; the store counts its number up.

    `copy_of`: its parent, name and number. `manifest`: where it was cheap to know at once.
    """

    name: str
    source: str
    location: str
    """Where its files are, as far as that is known now."""
    created_ms: int
    run_id: str = ""
    run_link: str = ""
    model_id: str | None = None
    user_id: str | None = None
    description: str | None = None
    tag_list: tuple[KeyValue, ...] = ()
    copy_of: tuple[str, int] | None = None
    manifest: Manifest | None = None


class HeldVersion(Entity, frozen=True, kw_only=True):
    """A version as another place kept it. `location`: where its files are."""

    version: ModelVersion
    location: str


class HeldModel(Entity, frozen=True, kw_only=True):
    """A registered model as another place kept it, with all its versions, by number.

    `model` says nothing of its latest versions, which follow from them. `last_version`: the
    greatest number that was ever given out there.
    """

    model: RegisteredModel
    versions: tuple[HeldVersion, ...] = ()
    last_version: int = 0

    @property
    def latest(self) -> tuple[ModelVersion, ...]:
        """The highest version of each stage that has any, by number."""
        highest = {one.version.current_stage: one.version for one in self.versions}
        return tuple(sorted(highest.values(), key=lambda one: int(one.version)))


class RegisteredModelChange(Entity, frozen=True, kw_only=True):
    """What to change of a registered model; None leaves a thing as it is."""

    name: str | None = None
    description: str | None = None
    deployment_job_id: str | None = None
    set_tags: tuple[KeyValue, ...] = ()
    delete_tag: str | None = None
    at_ms: int | None = None


class VersionChange(Entity, frozen=True, kw_only=True):
    """What to change of a version; None leaves a thing as it is."""

    description: str | None = None
    set_tags: tuple[KeyValue, ...] = ()
    delete_tag: str | None = None
    at_ms: int | None = None


class StageMove(Entity, frozen=True, kw_only=True, tag="stage"):
    """A version enters a stage; with *archive_existing* it alone stays there."""

    name: str
    version: int
    stage: Stage
    archive_existing: bool = False
    at_ms: int


class AliasMove(Entity, frozen=True, kw_only=True, tag="alias"):
    """An alias points at a version from now on; None: at nothing, it is gone."""

    name: str
    alias: str
    version: int | None
    at_ms: int


Move: TypeAlias = StageMove | AliasMove
"""What can put a version into, or take it out of, the place that others load it from."""


class Comment(Entity, frozen=True, kw_only=True):
    """What somebody says of a model or of one of its versions, as Markdown.

    `is_verified`: the author's name was proved, not just stated.
    """

    id: str
    name: str
    version: str | None = None
    user_id: str
    is_verified: bool
    comment: str
    creation_timestamp: int
    last_updated_timestamp: int


class VersionName(Entity, frozen=True, kw_only=True):
    """A version by name and number."""

    name: str
    version: str


class CodeVersion(Entity, frozen=True, kw_only=True):
    """The code that made a model, as its run tells it."""

    commit: str | None = None
    branch: str | None = None
    repository: str | None = None
    is_dirty: bool | None = None
    source: str | None = None


class Lineage(Entity, frozen=True, kw_only=True):
    """What a version was made from, what was made from it, and what serves it."""

    name: str
    version: str
    source: str
    run_id: str | None = None
    experiment_id: str | None = None
    model_id: str | None = None
    parent: VersionName | None = None
    children: tuple[VersionName, ...] = ()
    datasets: tuple[DatasetInput, ...] = ()
    code: CodeVersion | None = None
    served_by: tuple[ModelServer, ...] = ()


class FileProblem(Entity, frozen=True, kw_only=True):
    """A file that is not as the manifest says."""

    path: str
    problem: Literal["CHANGED", "MISSING", "EXTRA", "UNREADABLE"]
    message: str | None = None
