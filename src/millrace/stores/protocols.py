"""What a store of records must do. Services decide, stores record.

Common to all methods: atomic; thread-safe; validated input is assumed; ids of runs and models are
given by the caller. Reads return at once with a consistent snapshot. Writes return a Future that is
resolved when the change is durable, so that many callers share one commit and no thread waits; its
exception is a `MillraceError` for what the caller can mend (`NotFound`, `AlreadyExists`,
`InvalidArgument` for a record that is in the trash) and `Unavailable` when the store is away.

A write that carries `trail.receipt` happens once: a replay with the same key gives the first
result again, another digest under the same key raises `KeyReused`. A write that was refused does
not use up its key.

A write whose `trail.act` says who does what is audited: its entry is written in the same
transaction, or nothing is. A replay leaves no second entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import msgspec
from msgspec.structs import replace

from millrace.core.entities.audit import NO_TRAIL, Trail
from millrace.core.entities.run import ParamClash
from millrace.core.errors import AlreadyExists

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from millrace.core.chain import Recorded
    from millrace.core.entities.access import Actor
    from millrace.core.entities.approval import (
        ApprovalRequest,
        Figures,
        Outcome,
        Policy,
        Step,
        Verdict,
        Wish,
    )
    from millrace.core.entities.artifact import ArtifactRecord
    from millrace.core.entities.audit import AuditEntry, AuditQuery, Link, PublicKey, SignedHead
    from millrace.core.entities.dataset import (
        DatasetSummary,
        EvaluationDataset,
        EvaluationRecord,
    )
    from millrace.core.entities.entity import KeyValue, ViewType
    from millrace.core.entities.experiment import Experiment, ExperimentChange
    from millrace.core.entities.finding import Finding
    from millrace.core.entities.logged_model import LoggedModel, LoggedModelChange
    from millrace.core.entities.metric import MetricSummary
    from millrace.core.entities.registry import (
        Comment,
        HeldModel,
        Manifest,
        ModelVersion,
        Move,
        NewVersion,
        RegisteredModel,
        RegisteredModelChange,
        Stage,
        VersionChange,
    )
    from millrace.core.entities.run import Batch, Run, RunChange, RunInfo
    from millrace.core.entities.trash import Purged, TrashItem, TrashKind, TrashQuery
    from millrace.core.entities.webhook import (
        Claim,
        Delivery,
        DeliveryState,
        Webhook,
        WebhookChange,
    )
    from millrace.core.filters.ast import Expr
    from millrace.core.filters.order import OrderKey
    from millrace.core.pages import Page, Position
    from millrace.core.series import Point


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A search: which records, in which order, and where to go on.

    `order` is complete but for the tie-breaks that the store adds for its entity: runs by start
    time descending then id, experiments by creation time descending then id (id descending after
    an explicit order), models and data sets by creation time descending then id.
    """

    tree: Expr
    order: tuple[OrderKey, ...] = ()
    view: ViewType = "ACTIVE_ONLY"
    limit: int = 1000
    after: Position | None = None


class NewExperiment(msgspec.Struct, frozen=True, kw_only=True):
    """An experiment to be; the store counts its id up. Without a location it gets `root/<id>`."""

    name: str
    artifact_location: str | None
    artifact_root: str
    creation_time: int
    tags: tuple[KeyValue, ...] = ()


class Appended(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of an append. With clashes or missing tags, nothing at all was written."""

    clashes: tuple[ParamClash, ...] = ()
    new_points: int = 0
    missing_tags: tuple[str, ...] = ()

    def was_written(self) -> bool:
        """Whether the batch is in; what was refused leaves no receipt."""
        return not (self.clashes or self.missing_tags)


class Points(msgspec.Struct, frozen=True):
    """Points of one series as columns of equal length; times in milliseconds."""

    steps: Sequence[int]
    timestamps: Sequence[int]
    values: Sequence[float]


class MetricWindow(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a history in the order (timestamp, step, value); None for `limit`: everything."""

    limit: int | None = None
    after: Position | None = None


class SeriesWindow(msgspec.Struct, frozen=True, kw_only=True):
    """A window on series for a chart; see `api.series.QuerySeries`."""

    x: Literal["step", "time", "relative", "metric"] = "step"
    x_metric: str | None = None
    start: float | None = None
    end: float | None = None
    buckets: int = 500


class Buckets(msgspec.Struct, frozen=True, kw_only=True):
    """Aggregates of consecutive stretches of one series, as columns of equal length.

    `index` is the place on the shared grid. Aggregates are over finite values; `first` and `last`
    are the values at the least and greatest (step, time) in the bucket whatever they are; `count`
    counts all points. A bucket without finite values has NaN as minimum, maximum and mean.
    """

    index: Sequence[int]
    minimum: Sequence[float]
    maximum: Sequence[float]
    first: Sequence[float]
    last: Sequence[float]
    mean: Sequence[float]
    count: Sequence[int]


class RawSeries(msgspec.Struct, frozen=True, kw_only=True):
    """All points of one series in the window, by x; `x` in the unit of the axis."""

    x: Sequence[float]
    values: Sequence[float]


class SeriesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Series on one grid: bucket i covers [origin + i * width, origin + (i + 1) * width).

    `series` holds (run id, key, buckets or points); pairs without any point are left out.
    """

    origin: float
    width: float
    count: int
    series: Sequence[tuple[str, str, Buckets | RawSeries]]


class StoreHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the store can be read and written now."""

    kind: str
    ready: bool
    revision: str | None = None
    queue: int = 0
    message: str | None = None


class TrackingStore(Protocol):
    """Records of experiments, runs, series and logged models."""

    # experiments
    def add_experiment(
        self, experiment: NewExperiment, *, trail: Trail = NO_TRAIL
    ) -> Future[Experiment]:
        """Record an experiment under the next free id. AlreadyExists when the name is taken."""
        ...

    def experiment(self, experiment_id: str) -> Experiment | None: ...

    def experiment_named(self, name: str) -> Experiment | None: ...

    def change_experiment(
        self, experiment_id: str, change: ExperimentChange, *, trail: Trail = NO_TRAIL
    ) -> Future[Experiment]:
        """Change an experiment. Its life cycle takes its runs along.

        NotFound: no such experiment, none in the stage to move from, or no such tag to delete;
        AlreadyExists: the new name is taken; InvalidArgument: it is in the trash (for anything but
        the life cycle).
        """
        ...

    def find_experiments(self, query: Query) -> Page[Experiment]: ...

    # runs
    def add_run(self, run: Run, *, trail: Trail = NO_TRAIL) -> Future[Run]:
        """Record a new run with its tags. NotFound / InvalidArgument: its experiment is not there
        or in the trash; AlreadyExists: the id is taken. An empty `artifact_uri` in
        `run.info` is filled as `<experiment's artifact location>/<run id>/artifacts`."""
        ...

    def run(self, run_id: str) -> msgspec.Raw | None:
        """The run as wire JSON (an encoded `Run`), deleted ones included."""
        ...

    def change_run(
        self, run_id: str, change: RunChange, *, trail: Trail = NO_TRAIL
    ) -> Future[RunInfo]:
        """Change a run. A new name is its tag `mlflow.runName`, too; the end of a run ends its
        lease. NotFound; InvalidArgument when it is in the trash, except for life cycle; a run
        cannot be restored while its experiment is in the trash (InvalidArgument)."""
        ...

    def append(self, run_id: str, batch: Batch, *, trail: Trail = NO_TRAIL) -> Future[Appended]:
        """Append a batch to a run, all or nothing. NotFound: no such run, or no such logged model
        that a metric names; InvalidArgument: in the trash. Clashing params and tags to delete that
        are not there are reported in the result, and then nothing was written."""
        ...

    def append_to_tag_list(
        self, run_id: str, key: str, item: object, *, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Append *item* to the JSON list kept in tag *key*, without losing a concurrent one."""
        ...

    def find_runs(self, experiment_ids: Sequence[str], query: Query) -> Page[msgspec.Raw]:
        """Matching runs as wire JSON (encoded `Run`s). Unknown experiments hold nothing."""
        ...

    def expire_leases(self, now_ms: int) -> Future[int]:
        """Mark running runs whose lease ended before *now_ms* as lost; how many. The cause is
        kept as a tag, which goes when the run speaks again."""
        ...

    # series
    def metric_history(
        self, run_id: str, key: str, window: MetricWindow
    ) -> tuple[Points, Position | None]:
        """A page of a series by (timestamp, step, value), NaN sorting as 0; and where to go on."""
        ...

    def metric_sample(
        self, run_id: str, key: str, *, start: int | None, end: int | None, limit: int
    ) -> Points:
        """At most *limit* points with start <= step <= end, by (step, timestamp, value), NaN first:
        all of them, or the first of each of *limit* equal shares (the first shares take the
        remainder) with the last one replaced by the very last point. *limit* 1: the last point."""
        ...

    def series(
        self, run_ids: Sequence[str], keys: Sequence[str], window: SeriesWindow
    ) -> SeriesAnswer:
        """Series of many runs and keys on one grid; each extreme of the data is in its bucket."""
        ...

    def metric_summaries(self, run_id: str) -> list[MetricSummary]:
        """Aggregates of every series of a run, by key."""
        ...

    # inputs
    def dataset_summaries(self, experiment_ids: Sequence[str]) -> list[DatasetSummary]:
        """Distinct (experiment, name, digest, context) of the data sets that runs read."""
        ...

    # logged models
    def add_logged_model(
        self, model: LoggedModel, *, trail: Trail = NO_TRAIL
    ) -> Future[LoggedModel]:
        """Record a new logged model. NotFound / InvalidArgument as for runs. An empty
        `artifact_uri` becomes `<experiment's artifact location>/models/<model id>/artifacts`."""
        ...

    def logged_model(self, model_id: str) -> LoggedModel | None:
        """The model; None when it is not there or in the trash."""
        ...

    def change_logged_model(
        self, model_id: str, change: LoggedModelChange, *, trail: Trail = NO_TRAIL
    ) -> Future[LoggedModel]:
        """Change a logged model. NotFound: no such model or tag; InvalidArgument: a param that
        holds another value."""
        ...

    def find_logged_models(
        self,
        experiment_ids: Sequence[str],
        query: Query,
        *,
        datasets: Sequence[tuple[str, str | None]] = (),
    ) -> Page[LoggedModel]:
        """Matching models. With *datasets* (name, digest or None for any), metric conditions and
        orders only see metrics logged with one of them."""
        ...


class EvaluationStore(Protocol):
    """Records of evaluation data sets."""

    def add_dataset(
        self, dataset: EvaluationDataset, *, trail: Trail = NO_TRAIL
    ) -> Future[EvaluationDataset]:
        """Record a data set. NotFound: one of its experiments is not there."""
        ...

    def dataset(self, dataset_id: str) -> EvaluationDataset | None: ...

    def change_dataset(
        self,
        dataset: EvaluationDataset,
        *,
        seen: EvaluationDataset | None = None,
        trail: Trail = NO_TRAIL,
    ) -> Future[EvaluationDataset]:
        """Replace a data set's record by one with the same id. NotFound; Conflict when the record
        is no longer as it was *seen*."""
        ...

    def delete_dataset(self, dataset_id: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a data set and its records. Nothing happens when it is not there."""
        ...

    def find_datasets(self, experiment_ids: Sequence[str], query: Query) -> Page[EvaluationDataset]:
        """Matching data sets; of any experiment when *experiment_ids* is empty."""
        ...

    def upsert_records(
        self, dataset_id: str, records: Sequence[EvaluationRecord], *, trail: Trail = NO_TRAIL
    ) -> Future[tuple[int, int]]:
        """Add records or, where `inputs` are the same, merge them (`rules.datasets.merged`); how
        many were (inserted, updated). The data set is described anew
        (`rules.datasets.described`). NotFound."""
        ...

    def records(
        self, dataset_id: str, *, limit: int, after: Position | None
    ) -> Page[EvaluationRecord]:
        """Records by creation time then id."""
        ...

    def delete_records(
        self, dataset_id: str, record_ids: Sequence[str], *, trail: Trail = NO_TRAIL
    ) -> Future[int]:
        """Delete those records that are there; how many they were. Describes the set anew."""
        ...


class ArtifactRecords(Protocol):
    """The ledger: size and digest of each file whose bytes came through us, by its URI."""

    def record(self, uri: str) -> ArtifactRecord | None: ...

    def records(self, uris: Sequence[str]) -> Sequence[ArtifactRecord]:
        """Those of some files, in no order."""
        ...

    def begin(self, uri: str, token: str) -> Future[ArtifactRecord | None]:
        """Say, before new bytes become visible, that they will; the record as it was, if any. A
        file without a record gets none by this. *token*: the time in hexadecimal milliseconds, a
        dash, and what nobody else says."""
        ...

    def settle(
        self, record: ArtifactRecord, *, token: str | None, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Record what is visible now. *token*: what `begin` was told, None if it found nothing.
        Where somebody else replaced the bytes meanwhile, the record stays unsettled. Only what
        replaces a file is noted in the audit trail: a new one is logged like a metric is."""
        ...

    def forget(self, uri: str, *, trail: Trail = NO_TRAIL) -> Future[int]:
        """Drop the record of a file, and of all files below; how many."""
        ...

    def mark(self, uri: str, sha256: str, *, broken_ms: int | None) -> Future[None]:
        """Note that a reading found the file broken, or whole again, if *sha256* is still the
        recorded digest."""
        ...

    def below(self, uri: str) -> Iterator[ArtifactRecord]:
        """The records of a file, or of all files below a folder, by URI."""
        ...

    def alike(self, sha256: str, size: int) -> Sequence[ArtifactRecord]:
        """Some settled records of files with these very bytes."""
        ...


class AuditStore(Protocol):
    """The audit trail: a chain of entries that only grows, and its signed heads.

    Nearly all entries are written by other stores, beside a change whose trail has an act. Numbers
    of entries begin with 1 and have no gaps.
    """

    def note(
        self,
        trail: Trail,
        kind: str,
        id: str,  # noqa: A002 - the word of the entry
        *,
        before: Recorded = None,
        after: Recorded = None,
    ) -> Future[None]:
        """Write an entry by itself, for what changes no record: a refusal, or a file of ours."""
        ...

    def entries(self, query: AuditQuery, *, limit: int, after: int | None) -> Page[AuditEntry]:
        """Matching entries, the newest first, of those before the number *after*."""
        ...

    def entry(self, seq: int) -> AuditEntry | None: ...

    def links(self, *, after: int, limit: int) -> list[Link]:
        """At most *limit* entries beyond the number *after*, in the order of the chain."""
        ...

    def last(self) -> Link | None:
        """The end of the chain."""
        ...

    def heads(self, *, after: int, limit: int) -> list[SignedHead]:
        """Signed heads beyond the number *after*, in order."""
        ...

    def last_head(self) -> SignedHead | None: ...

    def keys(self) -> list[PublicKey]:
        """Every key that a head was ever signed with, by id."""
        ...

    def add_head(self, head: SignedHead, key: PublicKey) -> Future[bool]:
        """Keep a signed head and its key; False when that entry has a signed head already."""
        ...


class TrashStore(Protocol):
    """What was deleted, and its removal for good, in steps that may be taken again.

    An experiment takes its runs and logged models along: they are in the trash when it is.
    """

    def find(self, query: TrashQuery) -> Page[TrashItem]:
        """What is in the trash, by the time of its deletion (unknown times first)."""
        ...

    def date(self, now_ms: int) -> Future[int]:
        """Let what was deleted at an unknown time count as deleted now; how many it was."""
        ...

    def strays(self) -> list[str]:
        """Artifact locations of runs and logged models that are not in a folder of their own name
        (`.../<id>/artifacts`): others may keep artifacts there, or they in others' folders."""
        ...

    def begin_purge(
        self,
        kind: TrashKind,
        id: str,  # noqa: A002 - the wire's word
        *,
        at_ms: int,
        deleted_before_ms: int | None = None,
        trail: Trail = NO_TRAIL,
    ) -> Future[bool]:
        """Mark a thing so that it can no longer be restored; again: nothing more happens.

        False, and nothing changes, when it is not in the trash (any more), or was not deleted
        before *deleted_before_ms*."""
        ...

    def purge(
        self,
        kind: TrashKind,
        id: str,  # noqa: A002 - as above
        *,
        limit: int,
        trail: Trail = NO_TRAIL,
    ) -> Future[Purged]:
        """Remove about *limit* records of a marked thing and of what depends on it, itself last.

        Names and data sets of an experiment go with the last run that used them. Nothing is done,
        and all is done, when it is not there. InvalidArgument: it is not marked, or it is an
        experiment that still has runs or logged models."""
        ...


def check_same_experiment(run: RunInfo, held_in: str) -> None:
    """Raise `AlreadyExists` when a run to be taken in is here, but in another experiment."""
    if run.experiment_id != held_in:
        raise AlreadyExists(
            f"Run {run.run_id} is in experiment {held_in} here and in {run.experiment_id} where it "
            "comes from. Move it, or delete it here."
        )


def together(given: HeldModel, here: HeldModel) -> HeldModel:
    """A registered model as it is after *given* was taken in: what only this place has stays."""
    numbers = {one.version.version for one in given.versions}
    kept = [one for one in here.versions if one.version.version not in numbers]
    left = {one.version.version for one in kept}
    aliases = {one.alias: one for one in here.model.alias_list if one.version in left}
    aliases |= {one.alias: one for one in given.model.alias_list}
    pointing = {
        number: tuple(sorted(one.alias for one in aliases.values() if one.version == number))
        for number in left
    }
    versions = [
        *given.versions,
        *(
            replace(one, version=replace(one.version, alias_list=pointing[one.version.version]))
            for one in kept
        ),
    ]
    return replace(
        given,
        model=replace(given.model, alias_list=tuple(aliases[one] for one in sorted(aliases))),
        versions=tuple(sorted(versions, key=lambda one: int(one.version.version))),
        last_version=max(given.last_version, here.last_version),
    )


class TransferStore(Protocol):
    """Taking records in as they were elsewhere, with ids, times and life cycle; and giving points.

    After each call the record is as given, whatever it was before, so that all may be repeated.
    Nothing here is validated: what another program kept is kept.
    """

    def adopt_experiment(self, experiment: Experiment) -> Future[None]:
        """Have an experiment under its id. AlreadyExists: another one has its name."""
        ...

    def adopt_run(self, run: Run, *, deleted_ms: int | None = None) -> Future[None]:
        """Have a run with its params, tags, inputs and outputs, in its stage. Its metrics are left
        as they are here. NotFound: no such experiment; AlreadyExists: it is in another one."""
        ...

    def adopt_points(self, run_id: str, key: str, points: Sequence[Point]) -> Future[int]:
        """Add points, values as sortable integers, to a series; how many were new. NotFound."""
        ...

    def adopt_logged_model(self, model: LoggedModel, *, is_deleted: bool = False) -> Future[None]:
        """Have a logged model with its params, tags and metrics. NotFound: no such experiment."""
        ...

    def adopt_registered_model(self, held: HeldModel) -> Future[None]:
        """Have a registered model with its versions, tags and aliases. Versions that only this
        place has stay; no number that was given out there or here is given out again."""
        ...

    def registered_models(self, *, after: str, limit: int) -> list[HeldModel]:
        """At most *limit* registered models whose names come after *after*, by name."""
        ...

    def points(self, run_id: str, key: str, *, after: Point | None, limit: int) -> list[Point]:
        """At most *limit* points of a series beyond *after*, by (step, time, value)."""
        ...

    def move_runs(
        self, run_ids: Sequence[str], experiment_id: str, *, trail: Trail = NO_TRAIL
    ) -> Future[None]:
        """Have runs in another experiment, all of them or none; their ids, series and places of
        artifacts stay. NotFound: a run or the experiment; InvalidArgument: one is in the trash."""
        ...

    def copy_run(
        self, run_id: str, new_id: str, experiment_id: str, *, trail: Trail = NO_TRAIL
    ) -> Future[RunInfo]:
        """Make a run like another, with all its series, under a new id in an experiment. Its place
        for artifacts is its own, and empty. NotFound, InvalidArgument as above; AlreadyExists."""
        ...


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


class ApprovalStore(Protocol):
    """Approval policies, requests under them, and going back. What `RegistryStore` changes is held
    against the policies in the same transaction: `PermissionDenied` where one stands against it."""

    def policies(self) -> list[Policy]:
        """All policies by pattern."""
        ...

    def set_policy(self, policy: Policy, *, trail: Trail = NO_TRAIL) -> Future[Policy]:
        """Record a policy in place of the one with its pattern."""
        ...

    def delete_policy(self, models: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a policy. NotFound."""
        ...

    def request(self, name: str, request_id: str) -> ApprovalRequest | None:
        """A request about the model of that name."""
        ...

    def open_requests(self, name: str) -> list[ApprovalRequest]:
        """Requests about the model that nobody decided yet, the oldest first."""
        ...

    def requests(self, name: str, *, limit: int, after: Position | None) -> Page[ApprovalRequest]:
        """Requests by creation time then id."""
        ...

    def ask(
        self,
        wish: Wish,
        figures: Mapping[str, Figures],
        made: ApprovalRequest,
        *,
        trail: Trail = NO_TRAIL,
    ) -> Future[ApprovalRequest]:
        """Record a request, its evidence taken from the records and *figures*, by version number.
        Conflict: a version in place has no figures there; PermissionDenied: a gate does not hold;
        InvalidArgument: no policy guards this."""
        ...

    def decide(  # noqa: PLR0913 - who says what of which request, and what is known
        self,
        name: str,
        request_id: str,
        verdict: Verdict,
        *,
        comment: str | None,
        actor: Actor,
        at_ms: int,
        figures: Mapping[str, Figures],
        trail: Trail = NO_TRAIL,
    ) -> Future[Outcome]:
        """Record what somebody says of a request; the last approval makes the change. NotFound;
        PermissionDenied: it is closed or has run out, the actor may not, or a gate does not hold;
        PreconditionFailed: its evidence is stale; Conflict as above."""
        ...

    def roll_back(self, wish: Wish, at_ms: int, *, trail: Trail = NO_TRAIL) -> Future[Step]:
        """Return a place to what it was before its last change that still stands. NotFound: there
        is none; PermissionDenied: it has to be approved; InvalidArgument: the place was changed
        otherwise since."""
        ...


@runtime_checkable
class Inspects(Protocol):
    """A store that can look through its records for what does not fit together."""

    def inspect(self, *, full: bool, repair: bool) -> Iterator[Finding]:
        """Every check, one after the other. *full*: derived data of everything, not of a sample;
        *repair*: make it anew where it is wrong. Whoever reads on lets the next check be made."""
        ...


class WebhookStore(Protocol):
    """Webhooks, and the outbox that changes are told from. Secrets are sealed by the caller."""

    def add_webhook(
        self, webhook: Webhook, secret: bytes | None, *, trail: Trail = NO_TRAIL
    ) -> Future[Webhook]:
        """Record a webhook."""
        ...

    def webhook(self, webhook_id: str) -> Webhook | None: ...

    def secret(self, webhook_id: str) -> bytes | None:
        """The sealed secret of a webhook, if it has one."""
        ...

    def webhooks(self, *, limit: int, after: Position | None) -> Page[Webhook]:
        """Webhooks by creation time descending then id."""
        ...

    def change_webhook(
        self, webhook_id: str, change: WebhookChange, *, trail: Trail = NO_TRAIL
    ) -> Future[Webhook]:
        """Change a webhook. NotFound."""
        ...

    def delete_webhook(self, webhook_id: str, *, trail: Trail = NO_TRAIL) -> Future[None]:
        """Delete a webhook, its secret and its deliveries. NotFound."""
        ...

    def deliveries(
        self, webhook_id: str, *, state: DeliveryState | None, limit: int, after: Position | None
    ) -> Page[Delivery]:
        """Deliveries to a webhook by creation time descending then id descending."""
        ...

    def replay(
        self, webhook_id: str, delivery_id: str, now_ms: int, *, trail: Trail = NO_TRAIL
    ) -> Future[Delivery]:
        """Make a delivery due now, as if it had never been tried. NotFound."""
        ...

    def is_due(self, now_ms: int) -> bool:
        """Whether a delivery to an active webhook waits to be made. Cheap."""
        ...

    def claim(
        self, now_ms: int, lease_ms: int, *, limit: int, without: Sequence[str] = ()
    ) -> Future[list[Claim]]:
        """Take the deliveries that are due, the oldest first, until *lease_ms*; nobody else gets
        them before. None to webhooks in *without*."""
        ...

    def settle(self, claim: Claim, after: Delivery) -> Future[bool]:
        """Record what became of a claimed delivery; False when the claim was no longer ours."""
        ...

    def tidy_deliveries(self, before_ms: int, *, limit: int) -> Future[int]:
        """Forget deliveries that came to their end before; how many of at most *limit*."""
        ...


class Stores(Protocol):
    """All records of one place."""

    @property
    def kind(self) -> str:
        """`sqlite`, `memory`, ...: for people."""
        ...

    @property
    def tracking(self) -> TrackingStore: ...

    @property
    def evaluation(self) -> EvaluationStore: ...

    @property
    def artifacts(self) -> ArtifactRecords: ...

    @property
    def audit(self) -> AuditStore: ...

    @property
    def webhooks(self) -> WebhookStore: ...

    @property
    def trash(self) -> TrashStore: ...

    @property
    def transfer(self) -> TransferStore: ...

    @property
    def registry(self) -> RegistryStore: ...

    @property
    def approvals(self) -> ApprovalStore: ...

    def secret(self) -> bytes:
        """A secret of this place, the same for all its processes; it signs page tokens."""
        ...

    def health(self) -> StoreHealth: ...

    def tidy(self) -> None:
        """Do some work that makes later reads cheaper; called every few seconds."""
        ...

    def close(self) -> None:
        """Finish what was accepted, then let go. Later writes raise `Unavailable`."""
        ...
