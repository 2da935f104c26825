"""An open archive of records: a folder of Parquet and JSON files that any tool can read.

    manifest.json            what it is, when and where from, and size and SHA-256 of every file
    experiments.jsonl        an experiment a line, as the REST API shows it
    runs-000001.jsonl        runs without their metrics, and since when they are in the trash
    points-000001.parquet    columns run_id, key, step, timestamp, value; by run, key, step
    registered-000001.jsonl  registered models with their versions, when all experiments are there
    models-000001.jsonl      logged models with their metrics, and whether they are in the trash

Runs stand in the order of their experiments, points in the order of their runs. The manifest is
written last: a folder without one is not an archive, whatever broke off.
"""

from __future__ import annotations

import hashlib
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from millrace import __version__
from millrace.core import clock, lazy, wire
from millrace.core.entities.experiment import Experiment
from millrace.core.entities.registry import HeldModel
from millrace.core.errors import AlreadyExists, InvalidArgument
from millrace.core.numbers import keys_of, values_of
from millrace.transfer.carry import chosen
from millrace.transfer.source import HeldLoggedModel, HeldRun

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from millrace.core.series import Point
    from millrace.transfer.source import Source

FORMAT: Final = "millrace-archive"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"

_RUNS_A_FILE: Final = 5_000
_POINTS_A_FILE: Final = 5_000_000
_POINTS_A_GROUP: Final = 200_000


class FileEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A file of an archive. `digest`: SHA-256, hexadecimal."""

    path: str
    size: int
    sha256: str
    rows: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive says of itself; times in milliseconds since the epoch."""

    format: str = FORMAT
    version: int = VERSION
    made_by: str = ""
    made_ms: int = 0
    source: str = ""
    experiments: int = 0
    runs: int = 0
    points: int = 0
    models: int = 0
    registered: int = 0
    files: tuple[FileEntry, ...] = ()


def export(
    source: Source,
    folder: Path,
    wanted: Collection[str] = (),
    *,
    told: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Write the chosen experiments of *source* as an archive into a new or empty *folder*.

    AlreadyExists: there is something in it. MissingExtra: pyarrow is not installed.
    """
    if folder.exists() and any(folder.iterdir()):
        raise AlreadyExists(f"{folder} is not empty. Name a new folder for the archive.")
    folder.mkdir(parents=True, exist_ok=True)
    with _Writer(folder) as writer:
        for experiment in chosen(source, wanted):
            told(f"{experiment.name} ({experiment.experiment_id})")
            writer.add("experiments", experiment)
            for held in source.runs(experiment.experiment_id):
                writer.add("runs", held)
                for key, points in source.points(held.run.info.run_id):
                    writer.add_points(held.run.info.run_id, key, points)
            for model in source.models(experiment.experiment_id):
                writer.add("models", model)
        for registered in source.registered_models() if not wanted else ():
            writer.add("registered", registered)
    manifest = Manifest(
        made_by=f"millrace {__version__}",
        made_ms=clock.now_ms(),
        source=source.name,
        experiments=writer.counts["experiments"],
        runs=writer.counts["runs"],
        points=writer.counts["points"],
        models=writer.counts["models"],
        registered=writer.counts["registered"],
        files=tuple(writer.files),
    )
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (folder / MANIFEST).write_bytes(text + b"\n")
    return manifest


class _Writer:
    """The files of an archive being written; each is begun anew when it is long enough."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arrow = lazy.require("pyarrow", extra="parquet")
        self._parquet = lazy.require("pyarrow.parquet", extra="parquet")
        self._schema = self._arrow.schema(
            [
                ("run_id", self._arrow.string()),
                ("key", self._arrow.string()),
                ("step", self._arrow.int64()),
                ("timestamp", self._arrow.int64()),
                ("value", self._arrow.float64()),
            ]
        )
        self._lines: dict[str, tuple[Any, Path, int]] = {}
        self._rows: list[tuple[str, str, int, int, float]] = []
        self._points: tuple[Any, Path, int] | None = None
        self._number: dict[str, int] = {}
        self.files: list[FileEntry] = []
        self.counts = dict.fromkeys(("experiments", "runs", "points", "models", "registered"), 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._flush_points()
        for name in list(self._lines):
            self._end_lines(name)
        self._end_points()

    def add(self, name: str, record: object) -> None:
        """Add a record to the JSON lines of its kind."""
        self.counts[name] += 1
        if name not in self._lines:
            path = self._folder / self._next(name, "jsonl")
            self._lines[name] = (path.open("wb"), path, 0)
        file, path, rows = self._lines[name]
        file.write(wire.encode(record) + b"\n")
        self._lines[name] = (file, path, rows + 1)
        if rows + 1 >= _RUNS_A_FILE and name != "experiments":
            self._end_lines(name)

    def add_points(self, run_id: str, key: str, points: Sequence[Point]) -> None:
        """Add points of one series."""
        self.counts["points"] += len(points)
        values = values_of([point[2] for point in points])
        self._rows += [
            (run_id, key, step, ms, value)
            for (step, ms, _), value in zip(points, values, strict=True)
        ]
        if len(self._rows) >= _POINTS_A_GROUP:
            self._flush_points()

    def _next(self, name: str, ending: str) -> str:
        if name == "experiments":
            return f"{name}.{ending}"
        self._number[name] = self._number.get(name, 0) + 1
        return f"{name}-{self._number[name]:06}.{ending}"

    def _end_lines(self, name: str) -> None:
        file, path, rows = self._lines.pop(name)
        file.close()
        self._note(path, rows)

    def _flush_points(self) -> None:
        if not self._rows:
            return
        if self._points is None:
            path = self._folder / self._next("points", "parquet")
            writer = self._parquet.ParquetWriter(path, self._schema, compression="zstd")
            self._points = (writer, path, 0)
        writer, path, rows = self._points
        columns = [list(column) for column in zip(*self._rows, strict=True)]
        writer.write_table(self._arrow.table(columns, schema=self._schema))
        self._points = (writer, path, rows + len(self._rows))
        self._rows.clear()
        if self._points[2] >= _POINTS_A_FILE:
            self._end_points()

    def _end_points(self) -> None:
        if self._points is not None:
            writer, path, rows = self._points
            writer.close()
            self._note(path, rows)
            self._points = None

    def _note(self, path: Path, rows: int) -> None:
        self.files.append(
            FileEntry(path=path.name, size=path.stat().st_size, sha256=_digest(path), rows=rows)
        )


class Archive:
    """An archive as a source. Every file is compared with the manifest before anything is read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._manifest = _manifest(folder)
        for entry in self._manifest.files:
            _check(folder, entry)
        self._parquet = lazy.require("pyarrow.parquet", extra="parquet")
        self._places = self._runs_in_points()

    @property
    def name(self) -> str:
        """The folder."""
        return str(self._folder)

    @property
    def manifest(self) -> Manifest:
        """What the archive says of itself."""
        return self._manifest

    def close(self) -> None:
        """Nothing: files are open only while they are read."""

    def damaged(self) -> list[str]:
        """Nothing: an archive is whole or refused."""
        return []

    def experiments(self) -> Iterator[Experiment]:
        """All experiments, as they stand there."""
        yield from self._records("experiments", Experiment)

    def runs(self, experiment_id: str) -> Iterator[HeldRun]:
        """The runs of an experiment, as they stand there."""
        for held in self._records("runs", HeldRun):
            if held.run.info.experiment_id == experiment_id:
                yield held

    def models(self, experiment_id: str) -> Iterator[HeldLoggedModel]:
        """The logged models of an experiment, as they stand there."""
        for held in self._records("models", HeldLoggedModel):
            if held.model.info.experiment_id == experiment_id:
                yield held

    def registered_models(self) -> Iterator[HeldModel]:
        """The registered models, by name."""
        yield from self._records("registered", HeldModel)

    def counts(self, run_id: str) -> Mapping[str, int]:
        """How many points each series of a run has."""
        counts: dict[str, int] = {}
        for key, points in self.points(run_id):
            counts[key] = counts.get(key, 0) + len(points)
        return counts

    def points(self, run_id: str) -> Iterator[tuple[str, list[Point]]]:
        """The points of a run, from the row groups that hold some of them."""
        for name, group in self._places.get(run_id, ()):
            with self._parquet.ParquetFile(self._folder / name) as file:
                table = file.read_row_group(group)
            rows = zip(*(table.column(column).to_pylist() for column in range(5)), strict=True)
            for (owner, key), found in groupby(rows, key=itemgetter(0, 1)):
                if owner == run_id:
                    part = list(found)
                    keys = keys_of([row[4] for row in part])
                    yield (
                        key,
                        [(row[2], row[3], value) for row, value in zip(part, keys, strict=True)],
                    )

    def _records(self, kind: str, of: type[Any]) -> Iterator[Any]:
        decode = wire.answer_decoder(of)
        for entry in self._manifest.files:
            if entry.path.startswith(kind) and entry.path.endswith(".jsonl"):
                with (self._folder / entry.path).open("rb") as lines:
                    for line in lines:
                        yield decode(line)

    def _runs_in_points(self) -> dict[str, list[tuple[str, int]]]:
        """Which row groups hold points of which run; by reading one column."""
        places: dict[str, list[tuple[str, int]]] = {}
        for entry in self._manifest.files:
            if entry.path.endswith(".parquet"):
                with self._parquet.ParquetFile(self._folder / entry.path) as file:
                    for group in range(file.num_row_groups):
                        column = file.read_row_group(group, columns=["run_id"]).column(0)
                        for run_id in column.unique().to_pylist():
                            places.setdefault(run_id, []).append((entry.path, group))
        return places


def _manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise InvalidArgument(f"{folder} is no archive: it has no {MANIFEST}.") from error
    except msgspec.MsgspecError as error:
        raise InvalidArgument(f"{path} is no manifest of an archive: {error}") from error
    if manifest.format != FORMAT or manifest.version > VERSION:
        raise InvalidArgument(
            f"{folder} is an archive of format {manifest.format!r}, version {manifest.version}; "
            f"this release reads {FORMAT!r} up to version {VERSION}."
        )
    return manifest


def _check(folder: Path, entry: FileEntry) -> None:
    path = folder / entry.path
    if Path(entry.path).name != entry.path:
        raise InvalidArgument(f"{folder} names a file outside itself: {entry.path!r}.")
    if not path.is_file():
        raise InvalidArgument(f"{folder} is not whole: {entry.path} is missing.")
    if path.stat().st_size != entry.size or _digest(path) != entry.sha256:
        raise InvalidArgument(f"{path} is not the file that the archive was made with.")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
