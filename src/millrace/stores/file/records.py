"""Runs and logged models as folders: refreshed from their files, and knowing what is stored."""

from __future__ import annotations

import os
from collections.abc import Callable
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
    Texts,
    entries_of,
    files_of,
    read_bytes,
    signature,
)
from millrace.stores.file.series import FileSeries, Loaded, SeriesByKey
from millrace.stores.memory.records import ModelMetric, ModelRecord, RunRecord

if TYPE_CHECKING:
    from millrace.core.entities.metric import Metric
    from millrace.stores.file.reading import Signature


class Surroundings(msgspec.Struct, frozen=True):
    """What records need beyond their own folder."""

    damages: Damages
    loaded: Loaded
    dataset: Callable[[str, str], Dataset | None]
    """A data set by the folder of its experiment and its id."""


Link: TypeAlias = tuple[str, ...]
"""The kind of an input or output, and what it leads to."""
Lease: TypeAlias = tuple[int | None, bool]
"""Until when a run promised to speak again, and whether it is lost."""


class RunState(msgspec.Struct, frozen=True):
    """What of a run is in its files."""

    info: RunInfo
    params: dict[str, str]
    tags: dict[str, str]
    links: dict[Link, DatasetInput | ModelInput | ModelOutput]
    deleted_ms: int | None


class FileRun(RunRecord):
    """A run in a folder. `stored` is None while it has none yet."""

    def __init__(self, run: Run, folder: str, around: Surroundings) -> None:
        super().__init__(run)
        self.folder = folder
        self.files = SeriesByKey(around.loaded, around.damages)
        self.series = self.files
        self.link_names: dict[Link, str] = {}
        self.meta = Document()
        self.param_files, self.tag_files = Texts(), Texts()
        self.stored: RunState | None = None
        self._link_files: dict[str, Signature] | None = None
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

    def refresh(self, experiment: str, now_ns: int, lease: Lease | None) -> None:
        """Be as the files are; *experiment* is the folder that it is in. Raises `Damaged`."""
        present = {entry.name for entry in entries_of(self.folder)}
        has_odd = layout.ODD in present
        damages = self._around.damages
        is_other = self.meta.refresh(self.folder, now_ns)
        for section, texts in (("params", self.param_files), ("tags", self.tag_files)):
            if section in present or texts.values:
                found = files_of(self.folder, section, damages, has_odd=has_odd)
                is_other |= texts.refresh(found, now_ns, damages)
        if is_other or self.stored is None:
            self.base = layout.run_of(
                self.meta.fields,
                self.base.run_id,
                self.base.experiment_id,
                layout.name_tag(self.tag_files.values),
            )
            self.deleted_ms = Fields(self.meta.fields).number("deleted_time")
            self.params = dict(self.param_files.values)
            self.tags = dict(self.tag_files.values)
        if "metrics" in present or self.files.files:
            self._refresh_metrics(has_odd=has_odd)
        is_relinked = self._refresh_links(experiment, present, now_ns)
        self.lease_until_ms, self.lost = lease or (None, False)
        if is_other or is_relinked or self.stored is None:
            self.stored = self.state()

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
        for series in self.files.files.values():
            series.written()
        self.stored = self.state()

    def _refresh_metrics(self, *, has_odd: bool) -> None:
        seen = {}
        for key, path, stat in files_of(
            self.folder, "metrics", self._around.damages, has_odd=has_odd
        ):
            series = self.files.files.get(key)
            if series is None or series.path != path:
                series = FileSeries(path, self._around.loaded, self._around.damages)
            series.saw(stat.st_ino, stat.st_size)
            seen[key] = series
        self.files.files = seen

    def _refresh_links(self, experiment: str, present: set[str], now_ns: int) -> bool:
        """Read inputs and outputs again if any file of theirs is another one."""
        found: dict[str, tuple[int, Signature]] = {}
        for section in ("inputs", "outputs"):
            if section not in present:
                continue
            for entry in entries_of(f"{self.folder}/{section}"):
                path = f"{entry.path}/{layout.META}"
                try:
                    stat = os.stat(path, follow_symlinks=False)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                found[path] = (stat.st_mtime_ns, signature(stat, now_ns))
        signatures = {path: seen for path, (_, seen) in found.items()}
        if signatures == (self._link_files or {}) and None not in signatures.values():
            self._link_files = signatures
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
        self.datasets, self.model_inputs, self.model_outputs = {}, {}, {}
        self.link_names = {}
        for _, _, path, fields in sorted(read, key=lambda one: one[:3]):
            try:
                link = self._link(experiment, fields)
                self.link_names.setdefault(link, path[len(self.folder) + 1 : -len(layout.META) - 1])
            except Damaged as error:
                self._around.damages.report(path, error)
        return True

    def _link(self, experiment: str, fields: Fields) -> Link:
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
                dataset = self._around.dataset(experiment, source_id)
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
        present = {entry.name for entry in entries_of(self.folder)}
        has_odd = layout.ODD in present
        is_other = self.meta.refresh(self.folder, now_ns)
        for section, texts in (("params", self.param_files), ("tags", self.tag_files)):
            found = files_of(self.folder, section, self._damages, has_odd=has_odd)
            is_other |= texts.refresh(found, now_ns, self._damages)
        is_other |= self._refresh_metrics(has_odd=has_odd)
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

    def _refresh_metrics(self, *, has_odd: bool) -> bool:
        seen: dict[str, tuple[int, int, int]] = {}
        paths = {}
        for key, path, stat in files_of(self.folder, "metrics", self._damages, has_odd=has_odd):
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
