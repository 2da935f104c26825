"""Runs and logged models as folders: refreshed from their files, and knowing what is stored."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from msgspec.structs import replace

from millrace.core.entities.dataset import Dataset, DatasetInput
from millrace.core.entities.entity import pairs
from millrace.core.entities.logged_model import LoggedModel, LoggedModelInfo
from millrace.core.entities.run import ModelInput, ModelOutput, Run, RunInfo
from millrace.core.errors import InvalidArgument
from millrace.files.documents import read_yaml
from millrace.stores.file import layout
from millrace.stores.file.damage import Damages
from millrace.stores.file.layout import Damaged, Fields
from millrace.stores.file.reading import (
    Document,
    Looked,
    Looks,
    Section,
    Shape,
    Texts,
    Wanted,
    entries_of,
    read_bytes,
    signature,
)
from millrace.stores.file.series import FileSeries, Loaded, SeriesByKey
from millrace.stores.memory.records import ModelMetric, ModelRecord, RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

    from millrace.core.entities.metric import Metric
    from millrace.core.series import Point
    from millrace.stores.file.reading import Signature


class Surroundings(msgspec.Struct, frozen=True):
    """What records need beyond their own folder."""

    damages: Damages
    loaded: Loaded
    dataset: Callable[[str, str, Looks], Dataset | None]
    """A data set by the folder of its experiment and its id."""


Link: TypeAlias = tuple[str, ...]
"""The kind of an input or output, and what it leads to."""
Lease: TypeAlias = tuple[int | None, bool]
"""Until when a run promised to speak again, and whether it is lost."""


_NO_LEASE: Lease = (None, False)


class RunState(msgspec.Struct, frozen=True):
    """What of a run is in its files."""

    info: RunInfo
    params: dict[str, str]
    tags: dict[str, str]
    links: dict[Link, DatasetInput | ModelInput | ModelOutput]
    deleted_ms: int | None


class Remembered(msgspec.Struct, frozen=True, array_like=True):
    """A run as it is kept for the next process."""

    shape: int
    """Its place in the list of shapes."""
    marks: bytes
    others: tuple[str, ...]
    other_marks: bytes
    rare_ns: int
    info: RunInfo
    params: dict[str, str]
    tags: dict[str, str]
    deleted_ms: int | None
    datasets: tuple[DatasetInput, ...]
    model_inputs: tuple[ModelInput, ...]
    model_outputs: tuple[ModelOutput, ...]
    series: msgspec.Raw
    """As `SeriesByKey` has it; decoded when somebody asks for a metric."""


class FileRun(RunRecord):
    """A run in a folder. `stored` is None while it has none yet."""

    def __init__(self, run: Run, folder: str, around: Surroundings) -> None:
        super().__init__(run)
        self.folder = folder
        self.files = SeriesByKey(around.loaded, around.damages)
        self.series = self.files
        self.link_names: dict[Link, str] = {}
        self.stored: RunState | None = None
        self._link_files: dict[str, Signature] | None = None
        self.is_remembered = False
        """It comes out of a memory of the folder: what it holds is known, not where it stands."""
        self._looked: Looked | None = None
        self._document: msgspec.Raw | None = None
        self._around = around

    @classmethod
    def found(cls, run_id: str, experiment_id: str, folder: str, around: Surroundings) -> FileRun:
        """The run in *folder*, to be refreshed before anything is read."""
        info = RunInfo(
            run_uuid=run_id, run_id=run_id, experiment_id=experiment_id, run_name="", user_id="",
            status="RUNNING", start_time=0, artifact_uri="", lifecycle_stage="active",
        )  # fmt: skip
        return cls(Run(info=info), folder, around)

    def add_point(self, metric: Metric) -> bool:
        """Take in a point; whether it was new."""
        return self.files.made(metric.key).add(metric)

    # Made when they are read: those of most runs of a search are not.

    @cached_property
    def meta(self) -> Document:
        """Its description."""
        return Document()

    @cached_property
    def param_files(self) -> Texts:
        """The files of its params."""
        return Texts()

    @cached_property
    def tag_files(self) -> Texts:
        """The files of its tags."""
        return Texts()

    def last(self, key: str) -> Point | None:
        """The latest point of a series."""
        return self.files.last(key)

    def latest(self) -> Iterable[Metric]:
        """The latest point of each series, by key."""
        return self.files.latest()

    def links(self) -> dict[Link, DatasetInput | ModelInput | ModelOutput]:
        """All inputs and outputs, in the order in which they came."""
        return {
            **{("DATASET", *identity): entry for identity, entry in self.datasets.items()},
            **{("MODEL", one): entry for one, entry in self.model_inputs.items()},
            **{("RUN_OUTPUT", one): entry for one, entry in self.model_outputs.items()},
        }

    def replaces(self, other: FileRun) -> None:
        """Stand for the files of *other*: what differs is to be written."""
        self.folder, self.stored, self.meta = other.folder, other.stored, other.meta
        self.param_files, self.tag_files = other.param_files, other.tag_files
        self.files = self.series = other.files
        self.link_names = other.link_names

    def refresh(
        self, experiment: str, now_ns: int, lease: Lease | None, wanted: Wanted | None = None
    ) -> bool:
        """Be as the files are, in what is *wanted* at least; whether in everything.

        *experiment* is the folder that it is in. Raises `Damaged`.
        """
        if (self.lease_until_ms, self.lost) != (lease or _NO_LEASE):
            self.lease_until_ms, self.lost = lease or _NO_LEASE
            self._document = None
        if self._looked is not None and self._looked.is_same(self.folder, now_ns, wanted):
            return wanted is None
        self.is_remembered = False
        looks = Looks(self.folder, now_ns)
        present = {entry.name for entry in entries_of(self.folder, looks)}
        has_odd = layout.ODD in present
        is_other = self.meta.refresh(self.folder, looks)
        for name, texts in (("params", self.param_files), ("tags", self.tag_files)):
            if name in present or has_odd or texts.values:
                section = Section(self.folder, name, looks, self._around.damages)
                found = section.files(has_odd=has_odd)
                is_other |= texts.refresh(found, looks, self._around.damages)
        if is_other or self.stored is None:
            self._take_in()
        if "metrics" in present or has_odd or self.files.files:
            self._refresh_metrics(looks, has_odd=has_odd)
        is_relinked = self._refresh_links(experiment, present, looks)
        if is_other or is_relinked or self.stored is None:
            self.stored = self.state()
        self._looked, self._document = looks.known(), None
        return True

    def read_anew(self) -> None:
        """Read all files with the next look."""
        self._looked = None

    def remembered(self, number_of: Callable[[Shape], int]) -> Remembered | None:
        """What may be kept of it; None while it is not known for sure."""
        looked = self._looked
        if looked is None:
            return None
        return Remembered(
            shape=number_of(looked.shape),
            marks=looked.marks.tobytes(),
            others=looked.others,
            other_marks=looked.other_marks.tobytes(),
            rare_ns=looked.rare_ns,
            info=self.base,
            params=self.params,
            tags=self.tags,
            deleted_ms=self.deleted_ms,
            datasets=tuple(self.datasets.values()),
            model_inputs=tuple(self.model_inputs.values()),
            model_outputs=tuple(self.model_outputs.values()),
            series=self.files.remembered(self.folder),
        )

    def recall(self, kept: Remembered, of: Shape) -> None:
        """Be as it was when it was kept, if a look proves that its files are.

        Raises `ValueError` when it cannot have been like that.
        """
        marks, others = array("q", kept.marks), array("q", kept.other_marks)
        if (len(marks), len(others)) != (2 * of.count, 2 * len(kept.others)):
            raise ValueError("marks without names")
        self._looked = Looked(of, marks, kept.others, others, kept.rare_ns)
        self.base, self.deleted_ms = kept.info, kept.deleted_ms
        self.params, self.tags = kept.params, kept.tags
        for entry in kept.datasets:
            self.datasets[entry.dataset.name, entry.dataset.digest] = entry
        self.model_inputs = {one.model_id: one for one in kept.model_inputs}
        self.model_outputs = {one.model_id: one for one in kept.model_outputs}
        self.files.recall(self.folder, kept.series)
        self.is_remembered = True

    def _take_in(self) -> None:
        self.base = layout.run_of(
            self.meta.fields,
            self.base.run_id,
            self.base.experiment_id,
            layout.name_tag(self.tag_files.values),
        )
        self.deleted_ms = Fields(self.meta.fields).number("deleted_time")
        self.params = dict(self.param_files.values)
        self.tags = dict(self.tag_files.values)

    def document(self) -> msgspec.Raw:
        """The run as wire JSON, kept until something is different."""
        if self._document is None:
            self._document = super().document()
        return self._document

    def state(self) -> RunState:
        """What it is now."""
        return RunState(
            info=self.base,
            params=dict(self.params),
            tags=dict(self.tags),
            links=self.links(),
            deleted_ms=self.deleted_ms,
        )

    def settle(self) -> None:
        """All that it is now is in its files."""
        self._document = None
        for series in self.files.files.values():
            series.written()
        self.stored = self.state()

    def _refresh_metrics(self, looks: Looks, *, has_odd: bool) -> None:
        seen = {}
        section = Section(self.folder, "metrics", looks, self._around.damages)
        for key, path, stat in section.files(has_odd=has_odd):
            series = self.files.files.get(key)
            if series is None or series.path != path:
                series = FileSeries(path, self._around.loaded, self._around.damages)
            series.saw(stat.st_ino, stat.st_size)
            seen[key] = series
        self.files.files = seen

    def _refresh_links(self, experiment: str, present: set[str], looks: Looks) -> bool:
        """Read inputs and outputs again if any file of theirs is another one."""
        found: dict[str, tuple[int, Signature]] = {}
        for section in ("inputs", "outputs"):
            if section not in present:
                continue
            for entry in entries_of(f"{self.folder}/{section}", looks):
                path = f"{entry.path}/{layout.META}"
                try:
                    stat = os.stat(path, follow_symlinks=False)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                looks.at(path, stat)
                found[path] = (stat.st_mtime_ns, signature(stat, looks.now_ns))
        signatures = {path: seen for path, (_, seen) in found.items()}
        if signatures == self._link_files and None not in signatures.values():
            return False
        self._link_files = signatures
        read = []
        for path, (changed_ns, _) in found.items():
            try:
                fields = Fields(_document(path))
                order = fields.number(layout.ORDER, 0) or 0
                read.append((changed_ns, order, path, fields))
            except Damaged as error:
                self._around.damages.report(path, error)
                looks.doubt()
        self.datasets, self.model_inputs, self.model_outputs = {}, {}, {}
        self.link_names = {}
        for _, _, path, fields in sorted(read, key=lambda one: one[:3]):
            try:
                link = self._link(experiment, fields, looks)
                self.link_names.setdefault(link, path[len(self.folder) + 1 : -len(layout.META) - 1])
            except Damaged as error:
                self._around.damages.report(path, error)
                looks.doubt()
        return True

    def _link(self, experiment: str, fields: Fields, looks: Looks) -> Link:
        kind = fields.text("source_type")
        match kind:
            case "RUN_OUTPUT":
                model_id = fields.text("destination_id")
                step = fields.number("step", 0) or 0
                self.model_outputs[model_id] = ModelOutput(model_id=model_id, step=step)
                return kind, model_id
            case "MODEL":
                model_id = fields.text("source_id")
                self.model_inputs[model_id] = ModelInput(model_id=model_id)
                return kind, model_id
            case "DATASET":
                source_id = fields.text("source_id")
                dataset = self._around.dataset(experiment, source_id, looks)
                if dataset is None:
                    raise Damaged(f"it names data set {source_id!r}, which is not there")
                self.add_dataset(
                    DatasetInput(dataset=dataset, tag_list=pairs(fields.texts("tags"))), dataset
                )
                return kind, dataset.name, dataset.digest
            case other:
                raise Damaged(f"source_type is {other!r}")


def _document(path: str) -> Any:  # noqa: ANN401 - any document
    try:
        return read_yaml(read_bytes(path))
    except FileNotFoundError as error:
        raise Damaged("it is gone") from error
    except InvalidArgument as error:
        raise Damaged(error.message) from error


class ModelState(msgspec.Struct, frozen=True):
    """What of a logged model is in its files."""

    info: LoggedModelInfo
    deleted: bool
    params: dict[str, str]
    tags: dict[str, str]
    metrics: frozenset[ModelMetric]


class FileModel(ModelRecord):
    """A logged model in a folder. `stored` is None while it has none yet."""

    def __init__(self, model: LoggedModel, folder: str, damages: Damages) -> None:
        super().__init__(model)
        self.folder = folder
        self.meta = Document()
        self.param_files, self.tag_files = Texts(), Texts()
        self.metric_files: dict[str, str] = {}
        self.stored: ModelState | None = None
        self._metrics_seen: dict[str, tuple[int, int, int]] = {}
        self._looked: Looked | None = None
        self._damages = damages

    def replaces(self, other: FileModel) -> None:
        """Stand for the files of *other*: what differs is to be written."""
        self.folder, self.stored, self.meta = other.folder, other.stored, other.meta
        self.param_files, self.tag_files = other.param_files, other.tag_files
        self.metric_files = other.metric_files

    @classmethod
    def found(cls, model_id: str, experiment_id: str, folder: str, damages: Damages) -> FileModel:
        """The model in *folder*, to be refreshed before anything is read."""
        info = LoggedModelInfo(
            model_id=model_id, experiment_id=experiment_id, name="", creation_timestamp_ms=0,
            last_updated_timestamp_ms=0, artifact_uri="", status="LOGGED_MODEL_PENDING",
            model_type="", source_run_id="",
        )  # fmt: skip
        return cls(LoggedModel(info=info), folder, damages)

    def refresh(self, now_ns: int, deleted_ms: int | None) -> None:
        """Be as the files are. Raises `Damaged`."""
        if self._looked is not None and self._looked.is_same(self.folder, now_ns):
            return
        looks = Looks(self.folder, now_ns)
        present = {entry.name for entry in entries_of(self.folder, looks)}
        has_odd = layout.ODD in present
        is_other = self.meta.refresh(self.folder, looks)
        for name, texts in (("params", self.param_files), ("tags", self.tag_files)):
            section = Section(self.folder, name, looks, self._damages)
            is_other |= texts.refresh(section.files(has_odd=has_odd), looks, self._damages)
        is_other |= self._refresh_metrics(looks, has_odd=has_odd)
        self._looked = looks.known()
        if is_other or self.stored is None:
            self.base, stage = layout.model_of(
                self.meta.fields,
                self.base.model_id,
                self.base.experiment_id,
                self.tag_files.values,
            )
            self.deleted = stage == "deleted"
            self.deleted_ms = deleted_ms if self.deleted else None
            self.params = dict(self.param_files.values)
            self.tags = dict(self.tag_files.values)
            self.stored = self.state()

    def state(self) -> ModelState:
        """What it is now."""
        return ModelState(
            info=replace(self.base, tag_list=()),
            deleted=self.deleted,
            params=dict(self.params),
            tags=dict(self.tags),
            metrics=frozenset(self.metrics),
        )

    def _refresh_metrics(self, looks: Looks, *, has_odd: bool) -> bool:
        seen: dict[str, tuple[int, int, int]] = {}
        paths = {}
        section = Section(self.folder, "metrics", looks, self._damages)
        for key, path, stat in section.files(has_odd=has_odd):
            seen[path] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            paths[key] = path
        if seen == self._metrics_seen:
            return False
        self._metrics_seen, self.metric_files = seen, paths
        self.metrics = {
            metric for key, path in paths.items() for metric in self._metrics_in(key, path)
        }
        return True

    def _metrics_in(self, key: str, path: str) -> list[ModelMetric]:
        found = []
        try:
            lines = read_bytes(path).split(b"\n")
        except (Damaged, FileNotFoundError) as error:
            self._damages.report(path, error)
            return []
        for line in lines:
            if not line.strip():
                continue
            try:
                point, words = layout.point_in(line)
            except Damaged as error:
                self._damages.report(path, error)
                continue
            run_id, name, digest = ([*map(layout.text_of, words)] + [""] * 3)[:3]
            found.append(ModelMetric(key, point, run_id, name, digest))
        return found
