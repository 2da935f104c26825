"""From records that were changed to the files that must change: the difference to what is stored.

A new run or model gets its `meta.yaml` last: without it nobody takes the folder for one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec.structs import replace

from millrace.core.entities.dataset import DatasetInput
from millrace.core.entities.run import ModelInput, ModelOutput
from millrace.files.documents import write_yaml
from millrace.stores.file import layout
from millrace.stores.file.changes import Add, Change, Drop, Folder, Move, Put, Remove

if TYPE_CHECKING:
    from collections.abc import Mapping

    from millrace.core.entities.entity import LifecycleStage
    from millrace.stores.file.index import ExperimentFiles, Index
    from millrace.stores.file.records import FileModel, FileRun
    from millrace.stores.file.series import FileSeries


# Paths of more than 4,096 bytes are refused by the system, and the folder may be moved deeper.
_PATH_LENGTH: Final = 3_000


_NO_LEASE: Final = (None, False)


class Section(NamedTuple):
    """A section of a record: where the record's folder is, and where it will be in the place."""

    name: str
    was: str
    folder: str

    def now(self, path: str) -> str:
        """Where a file of the record will be, relative to the root."""
        return f"{self.folder}{path[len(self.was) :]}"

    def before(self, path: str) -> str:
        """Where what will be at *path* is now, as a whole path."""
        return f"{self.was}{path[len(self.folder) :]}"


class Plan:
    """The changes that make the files what the touched records of an index are.

    What the files have no place for is put into the tables of the index meanwhile.
    """

    def __init__(self, index: Index) -> None:
        self.changes: list[Change] = []
        self._index = index
        self._root = index.root
        self._folders: dict[str, str] = {}
        self._files: set[str] = set()
        self._parents: set[str] = set()
        for experiment_id, experiment in index.changed():
            self._plan_experiment(experiment_id, experiment)
        for model in index.touched_models.values():
            self._plan_model(model)
        for run in index.touched_runs.values():
            self._plan_run(run)
        for (experiment_id, *_), (dataset_id, dataset) in index.new_datasets.items():
            path = f"{self._folder(experiment_id)}/datasets/{dataset_id}"
            self._put_document(path, layout.dataset_document(dataset))
        for path in sorted(index.removed):
            self.changes.append(Remove(path))

    # --- experiments ----------------------------------------------------------------------------

    def _folder(self, experiment_id: str) -> str:
        """Where an experiment is when the changes so far are made."""
        if experiment_id not in self._folders:
            self._folders[experiment_id] = self._index.folder_of(experiment_id) or experiment_id
        return self._folders[experiment_id]

    def _plan_experiment(self, experiment_id: str, files: ExperimentFiles) -> None:
        entity, stored = files.entity, files.stored
        if entity is None or entity == stored:
            return
        folder = was = self._folder(experiment_id)
        if stored is not None and entity.lifecycle_stage != stored.lifecycle_stage:
            target = layout.home(experiment_id, entity.lifecycle_stage)
            if target != folder:
                self.changes.append(Move(folder, target))
                folder = self._folders[experiment_id] = target
        tags = {} if stored is None else stored.tags
        section = Section("tags", f"{self._root}/{was}", folder)
        self._plan_texts(section, entity.tags, tags, files.tag_files.paths)
        old = layout.experiment_document(stored, files.meta.fields) if stored else None
        new = layout.experiment_document(entity, files.meta.fields)
        if new != old:
            self._put_document(folder, new)

    # --- runs -----------------------------------------------------------------------------------

    def _plan_run(self, run: FileRun) -> None:
        info, stored = run.base, run.stored
        folder = f"{self._folder(info.experiment_id)}/{info.run_id}"
        if stored is None:
            for section in ("artifacts", "metrics", "params", "tags"):
                self.changes.append(Folder(f"{folder}/{section}"))
        elif stored.info.experiment_id != info.experiment_id:
            self.changes.append(Move(run.folder[len(self._root) + 1 :], folder))
        held = (stored.params, stored.tags) if stored else ({}, {})
        params, tags = (Section(name, run.folder, folder) for name in ("params", "tags"))
        self._plan_texts(params, run.params, held[0], run.param_files.paths)
        self._plan_texts(tags, run.tags, held[1], run.tag_files.paths)
        for key, series in run.files.files.items():
            if series.pending:
                self._plan_points(Section("metrics", run.folder, folder), key, series)
        self._plan_links(folder, run)
        if stored is None or (stored.info, stored.deleted_ms) != (info, run.deleted_ms):
            document = layout.run_document(info, run.meta.fields, deleted_ms=run.deleted_ms)
            self._put_document(folder, document)
        self._plan_lease(run)

    def _plan_lease(self, run: FileRun) -> None:
        leases, run_id = self._index.leases, run.base.run_id
        lease = (run.lease_until_ms, run.lost)
        if lease == _NO_LEASE:
            if run_id in leases:
                del leases[run_id]
        elif leases.get(run_id) != lease:
            leases[run_id] = lease

    def _plan_points(self, section: Section, key: str, series: FileSeries) -> None:
        data = b"".join(series.pending)
        if not series.path:
            path = self._place(section, key)
            series.path = f"{self._root}/{path}"
            self.changes.append(Add(path, data))
            return
        end, rest = series.end()
        if is_whole := layout.is_whole(rest):
            data = b"\n" + data
        is_torn = bool(rest) and not is_whole
        self.changes.append(Add(section.now(series.path), data, end, cut=is_torn))

    def _plan_links(self, folder: str, run: FileRun) -> None:
        """Links that are new or different are written, those that are gone removed."""
        stored = run.stored.links if run.stored else {}
        links = run.links()
        for order, (link, value) in enumerate(links.items()):
            if stored.get(link) == value:
                continue
            name = run.link_names.get(link)
            match value:
                case DatasetInput(dataset=dataset):
                    source = self._index.dataset_id(run.base.experiment_id, dataset)
                    name = name or f"inputs/{layout.link_id(source, run.base.run_id)}"
                    document = layout.input_document(source, value, order)
                case ModelInput(model_id=model_id):
                    name = name or f"inputs/{layout.link_id(model_id, run.base.run_id)}"
                    document = layout.input_document(model_id, None, order)
                case ModelOutput(model_id=model_id):
                    plain = model_id if layout.is_id(model_id) else layout.odd_name(model_id)
                    name = name or f"outputs/{plain}"
                    document = layout.output_document(model_id, value.step, order)
            self._put_document(f"{folder}/{name}", document)
        for link in stored.keys() - links.keys():
            self.changes.append(Remove(f"{folder}/{run.link_names[link]}"))

    # --- logged models --------------------------------------------------------------------------

    def _plan_model(self, model: FileModel) -> None:
        info, stored = replace(model.base, tag_list=()), model.stored
        folder = f"{self._folder(info.experiment_id)}/models/{info.model_id}"
        if stored is None:
            for section in ("artifacts", "metrics", "params", "tags"):
                self.changes.append(Folder(f"{folder}/{section}"))
        held = (stored.params, stored.tags) if stored else ({}, {})
        params, tags = (Section(name, model.folder, folder) for name in ("params", "tags"))
        self._plan_texts(params, model.params, held[0], model.param_files.paths)
        self._plan_texts(tags, model.tags, held[1], model.tag_files.paths)
        if self._index.models_deleted.get(info.model_id) != model.deleted_ms:
            self._index.models_deleted[info.model_id] = model.deleted_ms
        self._plan_model_points(Section("metrics", model.folder, folder), model)
        if stored is None or (stored.info, stored.deleted) != (info, model.deleted):
            stage: LifecycleStage = "deleted" if model.deleted else "active"
            self._put_document(folder, layout.model_document(info, stage, model.meta.fields))

    def _plan_model_points(self, section: Section, model: FileModel) -> None:
        """New points are appended; a metric that has lost some is written anew."""
        stored = model.stored.metrics if model.stored else frozenset()
        lost = {metric.key for metric in stored - model.metrics}
        lines: dict[str, bytes] = dict.fromkeys(lost, b"")
        for metric in sorted(model.metrics):
            if metric.key not in lost and metric in stored:
                continue
            more = [metric.run_id]
            if metric.dataset_name or metric.dataset_digest:
                more += [layout.word(metric.dataset_name), layout.word(metric.dataset_digest)]
            line = layout.metric_line(metric.point, *more)
            lines[metric.key] = lines.get(metric.key, b"") + line
        for key, data in lines.items():
            known = model.metric_files.get(key)
            path = section.now(known) if known else self._place(section, key)
            if key in lost:
                self.changes.append(Put(path, data))
            else:
                self.changes.append(Add(path, data, os.path.getsize(known) if known else 0))

    # --- files ----------------------------------------------------------------------------------

    def _plan_texts(
        self,
        section: Section,
        values: Mapping[str, str],
        stored: Mapping[str, str],
        paths: Mapping[str, str],
    ) -> None:
        for key, value in values.items():
            if stored.get(key) != value:
                known = paths.get(key)
                path = section.now(known) if known else self._place(section, key)
                self.changes.append(Put(path, _bytes(value)))
        for key in stored.keys() - values.keys():
            self.changes.append(Drop(section.now(paths[key])))

    def _place(self, section: Section, key: str) -> str:
        """The file for a new key: named by it, unless it can name none or is in another's way."""
        path = f"{section.folder}/{section.name}/{key}"
        if layout.names_file(key) and self._is_free(section, key):
            self._files.add(path)
            self._parents.update(_parents(section, key))
            return path
        odd = f"{section.folder}/{layout.ODD}/{section.name}/{layout.odd_name(key)}"
        self.changes.append(Put(f"{odd}.key", _bytes(key)))
        return odd

    def _is_free(self, section: Section, key: str) -> bool:
        path = f"{section.folder}/{section.name}/{key}"
        if len(path) > _PATH_LENGTH or path in self._parents:
            return False
        if os.path.isdir(f"{section.was}/{section.name}/{key}"):
            return False
        return not any(
            above in self._files or os.path.isfile(section.before(above))
            for above in _parents(section, key)
        )

    def _put_document(self, folder: str, document: Mapping[str, Any]) -> None:
        path = f"{folder}/{layout.META}"
        self._files.add(path)
        self.changes.append(Put(path, write_yaml(dict(document))))


def _parents(section: Section, key: str) -> list[str]:
    """The folders that the file for *key* is in, below its section."""
    parts = key.split("/")
    top = f"{section.folder}/{section.name}"
    return ["/".join((top, *parts[:count])) for count in range(1, len(parts))]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
