"""What is in a folder, as the mappings that the memory store works on.

Nothing is believed for longer than one look: `begin` starts a look, and within it each record is
compared with its files once, when it is asked for. During a write the records that were handed out
are remembered, because they may have been changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Final, TypeVar

from millrace.core.entities.experiment import Experiment
from millrace.core.errors import InvalidArgument
from millrace.stores.file import layout, reading
from millrace.stores.file.layout import Damaged
from millrace.stores.file.memory import Memory
from millrace.stores.file.reading import Document, Looked, Looks, Section, Texts
from millrace.stores.file.records import FileModel, FileRun, Surroundings
from millrace.stores.file.series import Loaded
from millrace.stores.memory.records import ModelRecord, RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager

    from millrace.core.entities.dataset import Dataset
    from millrace.stores.file.damage import Damages
    from millrace.stores.file.journal import Journal
    from millrace.stores.file.reading import Wanted
    from millrace.stores.file.records import Lease

T = TypeVar("T")

# An entry that has no description yet may be one that somebody is just making.
_SETTLED_NS: Final = 5_000_000_000


class ExperimentFiles:
    """An experiment in a folder. `stored` is None while it has none yet."""

    def __init__(self, experiment: Experiment | None = None) -> None:
        self.entity = experiment
        self.stored: Experiment | None = None
        self.meta = Document()
        self.tag_files = Texts()
        self._looked: Looked | None = None
        self._was_in = ""

    def refresh(
        self, experiment_id: str, folder: str, now_ns: int, damages: Damages, *, in_trash: bool
    ) -> None:
        """Be as the files are. Raises `Damaged`."""
        if (
            self._looked is not None
            and self._was_in == folder
            and self._looked.is_same(folder, now_ns)
        ):
            self.entity = self.stored
            return
        looks = Looks(folder, now_ns)
        is_other = self.meta.refresh(folder, looks)
        has_odd = os.path.isdir(f"{folder}/{layout.ODD}")
        section = Section(folder, "tags", looks, damages)
        is_other |= self.tag_files.refresh(section.files(has_odd=has_odd), looks, damages)
        # Its runs come and go, so its own folder is not looked at; a first tag would go unseen.
        has_tags = os.path.isdir(f"{folder}/tags")
        self._looked, self._was_in = looks.known() if has_tags else None, folder
        was_in_trash = self.stored is not None and self.stored.lifecycle_stage == "deleted"
        if is_other or self.stored is None or was_in_trash != in_trash:
            self.stored = layout.experiment_of(
                self.meta.fields, experiment_id, self.tag_files.values, in_trash=in_trash
            )
        self.entity = self.stored


class Index:
    """All records of the folder at *root*. Used under the lock of the ledger."""

    def __init__(self, root: str, journal: Journal, damages: Damages) -> None:
        self.root = root
        self.damages = damages
        self.loaded = Loaded()
        self.leases: dict[str, Lease] = journal.table("leases", tuple[int | None, bool])
        """Of runs that have one, or are lost."""
        self.models_deleted: dict[str, int | None] = journal.table("models deleted", int | None)
        """When logged models were moved to the trash, for which their files have no place."""
        self._around = Surroundings(damages, self.loaded, self.dataset_in)
        self._now_ns = 0
        self.is_writing = False
        self.experiments = Experiments(self)
        self.runs = Runs(self)
        self.models = Models(self)
        self.datasets = Datasets(self)
        self.changed_experiments: set[str] = set()
        self.touched_runs: dict[str, FileRun] = {}
        self.touched_models: dict[str, FileModel] = {}
        self.removed: set[str] = set()
        """Folders that are to go."""
        self.new_datasets: dict[tuple[str, str, str], tuple[str, Dataset]] = {}
        """With the folder that each will have."""
        self._experiments: dict[str, ExperimentFiles] = {}
        self._runs: dict[str, FileRun] = {}
        self._models: dict[str, FileModel] = {}
        self._datasets: dict[str, tuple[Document, Dataset]] = {}
        self._folders: dict[str, str | None] = {}
        self._fresh: set[tuple[str, str]] = set()
        self.memory = Memory(root)

    # --- looks ----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start a look: what was seen before may be different by now."""
        self._fresh.clear()
        self._folders.clear()
        self._now_ns = reading.now_ns()

    def settle(self) -> None:
        """The changes that were made are in the files."""
        for experiment_id in self.changed_experiments:
            entry = self._experiments[experiment_id]
            entry.stored = entry.entity
        for run in self.touched_runs.values():
            run.settle()
        for model in self.touched_models.values():
            model.stored = model.state()
        self._untouch()

    def forget_touched(self) -> None:
        """The changes that were made are not, or not all, in the files: read them again."""
        for experiment_id in self.changed_experiments:
            self._experiments.pop(experiment_id, None)
        for run_id in self.touched_runs:
            self._runs.pop(run_id, None)
        for model_id in self.touched_models:
            self._models.pop(model_id, None)
        self._untouch()
        self.begin()

    def _untouch(self) -> None:
        self.changed_experiments.clear()
        self.touched_runs.clear()
        self.touched_models.clear()
        self.new_datasets.clear()
        self.removed.clear()

    def _is_removed(self, path: str) -> bool:
        return path[len(self.root) + 1 :] in self.removed

    # --- experiments ----------------------------------------------------------------------------

    def folder_of(self, experiment_id: str) -> str | None:
        """The folder of an experiment, relative to the root; None when there is none."""
        if experiment_id not in self._folders:
            self._folders[experiment_id] = self._folder_of(experiment_id)
        return self._folders[experiment_id]

    def _folder_of(self, experiment_id: str) -> str | None:
        if not layout.is_id(experiment_id) or experiment_id == layout.REGISTRY:
            return None
        for folder in (experiment_id, f"{layout.TRASH}/{experiment_id}"):
            if folder not in self.removed and os.path.isdir(f"{self.root}/{folder}"):
                return folder
        return None

    def remove_experiment(self, experiment_id: str) -> None:
        """Let an experiment be gone with all that is in its folder."""
        folder = self.folder_of(experiment_id)
        if folder is not None:
            self.removed.add(folder)
        self._experiments.pop(experiment_id, None)
        self._fresh.discard(("experiment", experiment_id))
        self._folders[experiment_id] = None

    def experiment_entry(self, experiment_id: str) -> ExperimentFiles | None:
        """An experiment with its files; None when there is none that can be read."""
        if ("experiment", experiment_id) in self._fresh:
            return self._experiments.get(experiment_id)
        folder = self.folder_of(experiment_id)
        if folder is None:
            self._experiments.pop(experiment_id, None)
            return None
        entry = self._experiments.setdefault(experiment_id, ExperimentFiles())
        path = f"{self.root}/{folder}"
        try:
            entry.refresh(
                experiment_id,
                path,
                self._now_ns,
                self.damages,
                in_trash=folder.startswith(layout.TRASH),
            )
        except Damaged as error:
            self._left_out(path, error)
            self._experiments.pop(experiment_id, None)
            return None
        self.damages.mended(path)
        self._fresh.add(("experiment", experiment_id))
        return entry

    def put_experiment(self, experiment_id: str, experiment: Experiment) -> None:
        """Let an experiment be another one."""
        if self.folder_of(experiment_id) is None:
            _checked_id(experiment_id)
            self._folders[experiment_id] = layout.home(experiment_id, experiment.lifecycle_stage)
        entry = self._experiments.setdefault(experiment_id, ExperimentFiles())
        entry.entity = experiment
        self.changed_experiments.add(experiment_id)
        self._fresh.add(("experiment", experiment_id))

    def changed(self) -> list[tuple[str, ExperimentFiles]]:
        """The experiments that were changed, by id."""
        return [(one, self._experiments[one]) for one in sorted(self.changed_experiments)]

    def experiment_ids(self) -> list[str]:
        """The ids of all experiments that there seem to be."""
        found = []
        for above in ("", f"{layout.TRASH}/"):
            for entry in reading.entries_of(f"{self.root}/{above}"):
                if entry.name not in {layout.TRASH, layout.REGISTRY} and entry.is_dir():
                    found.append(entry.name)
                    folder = f"{above}{entry.name}"
                    if layout.is_id(entry.name) and folder not in self.removed:
                        self._folders.setdefault(entry.name, folder)
        for name in found:
            if not layout.is_id(name):
                self._left_out(f"{self.root}/{name}", "its name is no id of an experiment")
        new = (one for one in self.changed_experiments if self._experiments[one].stored is None)
        return [name for name in dict.fromkeys([*found, *new]) if layout.is_id(name)]

    def _left_out(self, path: str, reason: object) -> None:
        try:
            is_settled = os.stat(path).st_mtime_ns < reading.now_ns() - _SETTLED_NS
        except OSError:
            return
        if is_settled or os.path.exists(f"{path}/{layout.META}"):
            self.damages.report(path, reason)

    # --- runs -----------------------------------------------------------------------------------

    def run(self, run_id: str) -> FileRun | None:
        """A run; None when there is none that can be read."""
        run = self._runs.get(run_id)
        if ("run", run_id) not in self._fresh:
            run = self._fresh_run(run_id, None if run is None else run.base.experiment_id)
        if run is not None and self.is_writing:
            self.touched_runs[run_id] = run
        return run

    def run_in(self, experiment_id: str, run_id: str) -> FileRun | None:
        """As `run`, of a run that is known here, or in this experiment, or nowhere."""
        if run_id not in self._runs and self._child(experiment_id, run_id) is None:
            self._fresh.add(("run", run_id))
        return self.run(run_id)

    def _fresh_run(self, run_id: str, home: str | None) -> FileRun | None:
        if not layout.is_id(run_id) or run_id in layout.NO_RUNS:
            return None
        if home is None or self._child(home, run_id) is None:
            home = next((one for one in self.experiment_ids() if self._child(one, run_id)), None)
        if home is None:
            self._runs.pop(run_id, None)
            # No look asks all experiments for one run twice.
            self._fresh.add(("run", run_id))
            return None
        return self._refreshed_run(run_id, home)

    def _child(self, experiment_id: str, name: str) -> str | None:
        """The path of a folder in that of an experiment, if it is there."""
        folder = self.folder_of(experiment_id)
        if folder is None or f"{folder}/{name}" in self.removed:
            return None
        path = f"{self.root}/{folder}/{name}"
        return path if os.path.isdir(path) else None

    def _refreshed_run(
        self, run_id: str, experiment_id: str, wanted: Wanted | None = None
    ) -> FileRun | None:
        experiment = f"{self.root}/{self.folder_of(experiment_id)}"
        path = f"{experiment}/{run_id}"
        run = self._runs.get(run_id)
        if run is None or run.folder != path:
            run = FileRun.found(run_id, experiment_id, path, self._around)
            self.memory.recall(experiment_id, run)
        if self.is_writing and run.is_remembered:
            run.read_anew()
        try:
            is_fresh = run.refresh(experiment, self._now_ns, self.leases.get(run_id), wanted)
        except Damaged as error:
            self._left_out(path, error)
            self._runs.pop(run_id, None)
            return None
        self.damages.mended(path)
        self._runs[run_id] = run
        if is_fresh:
            self._fresh.add(("run", run_id))
        return run

    def runs_of(self, experiment_ids: Iterable[str], wanted: Wanted | None = None) -> list[FileRun]:
        """All runs of some experiments that can be read; only what is *wanted* of them is sure."""
        found: list[FileRun] = []
        with self.recalling(experiment_ids):
            for experiment_id in dict.fromkeys(experiment_ids):
                folder = self.folder_of(experiment_id)
                if folder is not None:
                    found += self._runs_in(experiment_id, f"{self.root}/{folder}", wanted)
        new = (run for run in self.touched_runs.values() if run.stored is None)
        found += [run for run in new if run.base.experiment_id in experiment_ids]
        if self.is_writing:
            self.touched_runs |= {run.base.run_id: run for run in found}
        return found

    def recalling(self, experiment_ids: Iterable[str]) -> AbstractContextManager[None]:
        """See `Memory.recalling`."""
        return self.memory.recalling(
            [one for one in experiment_ids if self.folder_of(one) is not None]
        )

    def _runs_in(self, experiment_id: str, path: str, wanted: Wanted | None) -> Iterator[FileRun]:
        for entry in reading.entries_of(path):
            run_id = entry.name
            if run_id in layout.NO_RUNS or not entry.is_dir() or self._is_removed(entry.path):
                continue
            if not layout.is_id(run_id):
                self._left_out(entry.path, "its name is no id of a run")
                continue
            run = (
                self._runs.get(run_id)
                if ("run", run_id) in self._fresh
                else self._refreshed_run(run_id, experiment_id, wanted)
            )
            if run is not None:
                yield run
        self.memory.saw(experiment_id)

    def remember(self) -> None:
        """Keep what is known of the runs of folders that were searched, for the next process."""
        learned, self.loaded.learned = self.loaded.learned, 0
        for experiment_id in self.memory.searched(learned):
            runs = [run for run in self._runs.values() if run.base.experiment_id == experiment_id]
            self.memory.keep(experiment_id, runs)

    def put_run(self, run_id: str, record: RunRecord) -> None:
        """Take in a new run."""
        if isinstance(record, FileRun):
            return
        folder = self.folder_of(record.base.experiment_id)
        _checked_id(run_id)
        run = FileRun(record.entity(), f"{self.root}/{folder}/{run_id}", self._around)
        run.datasets, run.model_inputs = record.datasets, record.model_inputs
        run.model_outputs, run.deleted_ms = record.model_outputs, record.deleted_ms
        if (held := self.run(run_id)) is not None:
            run.replaces(held)
        self._runs[run_id] = self.touched_runs[run_id] = run
        self._fresh.add(("run", run_id))

    def remove_run(self, run_id: str) -> None:
        """Let a run be gone."""
        run = self._runs.pop(run_id)
        self.removed.add(run.folder[len(self.root) + 1 :])
        self.touched_runs.pop(run_id, None)
        self._fresh.discard(("run", run_id))

    # --- logged models --------------------------------------------------------------------------

    def model(self, model_id: str) -> FileModel | None:
        """A logged model; None when there is none that can be read."""
        model = self._models.get(model_id)
        if ("model", model_id) not in self._fresh:
            model = self._fresh_model(model_id, None if model is None else model.base.experiment_id)
        if model is not None and self.is_writing:
            self.touched_models[model_id] = model
        return model

    def _fresh_model(self, model_id: str, home: str | None) -> FileModel | None:
        if not layout.is_id(model_id):
            return None
        name = f"models/{model_id}"
        if home is None or self._child(home, name) is None:
            home = next((one for one in self.experiment_ids() if self._child(one, name)), None)
        if home is None:
            self._models.pop(model_id, None)
            self._fresh.add(("model", model_id))
            return None
        path = f"{self.root}/{self.folder_of(home)}/{name}"
        model = self._models.get(model_id)
        if model is None or model.folder != path:
            model = FileModel.found(model_id, home, path, self.damages)
        try:
            model.refresh(self._now_ns, self.models_deleted.get(model_id))
        except Damaged as error:
            self._left_out(path, error)
            self._models.pop(model_id, None)
            return None
        self.damages.mended(path)
        self._models[model_id] = model
        self._fresh.add(("model", model_id))
        return model

    def model_ids(self) -> list[str]:
        """The ids of all logged models that there seem to be."""
        found = [
            entry.name
            for experiment_id in self.experiment_ids()
            for entry in reading.entries_of(f"{self.root}/{self.folder_of(experiment_id)}/models")
            if entry.is_dir() and not self._is_removed(entry.path)
        ]
        new = (one for one, model in self.touched_models.items() if model.stored is None)
        return list(dict.fromkeys([*found, *new]))

    def put_model(self, model_id: str, record: ModelRecord) -> None:
        """Take in a new logged model."""
        _checked_id(model_id)
        folder = self.folder_of(record.base.experiment_id)
        path = f"{self.root}/{folder}/models/{model_id}"
        model = FileModel(record.entity(), path, self.damages)
        model.metrics, model.deleted = record.metrics, record.deleted
        if (held := self.model(model_id)) is not None:
            model.replaces(held)
        self._models[model_id] = self.touched_models[model_id] = model
        self._fresh.add(("model", model_id))

    def remove_model(self, model_id: str) -> None:
        """Let a logged model be gone."""
        model = self._models.pop(model_id)
        self.removed.add(model.folder[len(self.root) + 1 :])
        self.touched_models.pop(model_id, None)
        self._fresh.discard(("model", model_id))

    # --- data sets ------------------------------------------------------------------------------

    def dataset_in(
        self, experiment: str, dataset_id: str, seen: Looks | None = None
    ) -> Dataset | None:
        """The data set *dataset_id* in the folder of an experiment; *seen* learns of its file."""
        if not layout.is_id(dataset_id):
            return None
        path = f"{experiment}/datasets/{dataset_id}"
        document, dataset = self._datasets.get(path, (Document(), None))
        try:
            if document.refresh(path, Looks(path, self._now_ns)) or dataset is None:
                dataset = layout.dataset_of(document.fields)
            if seen is not None:
                name = f"../datasets/{dataset_id}/{layout.META}"
                seen.at(path, os.lstat(f"{path}/{layout.META}"), name=name)
        except Damaged as error:
            self._datasets.pop(path, None)
            self._left_out(path, error)
            return None
        self._datasets[path] = (document, dataset)
        return dataset

    def dataset_named(self, experiment_id: str, name: str, digest: str) -> Dataset | None:
        """The data set of that name and digest, if an experiment has it already."""
        new = self.new_datasets.get((experiment_id, name, digest))
        if new is not None:
            return new[1]
        found = self._known_dataset(experiment_id, name, digest)
        return None if found is None else found[1]

    def dataset_id(self, experiment_id: str, dataset: Dataset) -> str:
        """The folder of a data set, which the experiment gets when it has it not."""
        identity = (experiment_id, dataset.name, dataset.digest)
        found = self.new_datasets.get(identity) or self._known_dataset(*identity)
        if found is None:
            self.put_dataset(identity, dataset)
            found = self.new_datasets[identity]
        return found[0]

    def dataset_names(self) -> list[tuple[str, str, str]]:
        """All data sets that experiments have, by experiment, name and digest."""
        found = []
        for experiment_id in self.experiment_ids():
            experiment = f"{self.root}/{self.folder_of(experiment_id)}"
            for entry in reading.entries_of(f"{experiment}/datasets"):
                dataset = self.dataset_in(experiment, entry.name)
                if dataset is not None and not self._is_removed(entry.path):
                    found.append((experiment_id, dataset.name, dataset.digest))
        return list(dict.fromkeys([*found, *self.new_datasets]))

    def remove_dataset(self, identity: tuple[str, str, str]) -> None:
        """Let a data set of an experiment be gone."""
        if self.new_datasets.pop(identity, None) is None:
            known = self._known_dataset(*identity)
            if known is not None:
                folder = self.folder_of(identity[0])
                self.removed.add(f"{folder}/datasets/{known[0]}")

    def _known_dataset(
        self, experiment_id: str, name: str, digest: str
    ) -> tuple[str, Dataset] | None:
        experiment = f"{self.root}/{self.folder_of(experiment_id)}"
        for dataset_id in layout.dataset_ids(name, digest):
            found = self.dataset_in(experiment, dataset_id)
            if found is not None and (found.name, found.digest) == (name, digest):
                return dataset_id, found
        return None

    def put_dataset(self, identity: tuple[str, str, str], dataset: Dataset) -> None:
        """Take in a new data set of an experiment."""
        experiment_id, name, digest = identity
        first, second = layout.dataset_ids(name, digest)
        experiment = f"{self.root}/{self.folder_of(experiment_id)}"
        is_taken = self.dataset_in(experiment, first) is not None or any(
            (home, known) == (experiment_id, first)
            for (home, *_), (known, _) in self.new_datasets.items()
        )
        self.new_datasets[identity] = (second if is_taken else first, dataset)


def _checked_id(text: str) -> str:
    if not layout.is_id(text) or text in layout.NO_RUNS:
        raise InvalidArgument(
            f"Invalid id {text!r}: in a folder of files an id may hold letters, digits, '_' and "
            "'-' only, and be no name that the layout uses itself."
        )
    return text


class _Files(MutableMapping[str, T]):
    """A mapping that looks into the folder whenever it is asked."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Experiments(_Files[Experiment]):
    """Experiments by id."""

    def __getitem__(self, key: str) -> Experiment:
        entry = self._index.experiment_entry(key)
        if entry is None or entry.entity is None:
            raise KeyError(key)
        return entry.entity

    def __setitem__(self, key: str, value: Experiment) -> None:
        self._index.put_experiment(key, value)

    def __delitem__(self, key: str) -> None:
        self._index.remove_experiment(key)

    def __iter__(self) -> Iterator[str]:
        return (one for one in self._index.experiment_ids() if one in self)


class Runs(_Files[RunRecord]):
    """Runs by id."""

    def __getitem__(self, key: str) -> RunRecord:
        run = self._index.run(key)
        if run is None:
            raise KeyError(key)
        return run

    def __setitem__(self, key: str, value: RunRecord) -> None:
        self._index.put_run(key, value)

    def __delitem__(self, key: str) -> None:
        self._index.remove_run(key)

    def __iter__(self) -> Iterator[str]:
        found = self._index.runs_of(self._index.experiment_ids())
        return iter([run.base.run_id for run in found])


class Models(_Files[ModelRecord]):
    """Logged models by id."""

    def __getitem__(self, key: str) -> ModelRecord:
        model = self._index.model(key)
        if model is None:
            raise KeyError(key)
        return model

    def __setitem__(self, key: str, value: ModelRecord) -> None:
        self._index.put_model(key, value)

    def __delitem__(self, key: str) -> None:
        self._index.remove_model(key)

    def __iter__(self) -> Iterator[str]:
        return (one for one in self._index.model_ids() if one in self)


class Datasets(MutableMapping[tuple[str, str, str], "Dataset"]):
    """Data sets by experiment, name and digest."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def __getitem__(self, key: tuple[str, str, str]) -> Dataset:
        found = self._index.dataset_named(*key)
        if found is None:
            raise KeyError(key)
        return found

    def __setitem__(self, key: tuple[str, str, str], value: Dataset) -> None:
        self._index.put_dataset(key, value)

    def __delitem__(self, key: tuple[str, str, str]) -> None:
        self._index.remove_dataset(key)

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        return iter(self._index.dataset_names())

    def __len__(self) -> int:
        return len(self._index.dataset_names())
