"""Runs as CSV and as JSON, for other programs."""

from __future__ import annotations

import contextlib
import sys
from typing import IO, TYPE_CHECKING, Final

import msgspec

from millrace.cli.output import Cell, time_of, write_csv
from millrace.core import wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from millrace.core.entities.run import Run

_FIXED: Final = (
    "run_id",
    "run_name",
    "experiment_id",
    "status",
    "start_time",
    "end_time",
    "artifact_uri",
    "lifecycle_stage",
)


def write_runs_csv(runs: Iterable[Run], path: Path | None) -> None:
    """Write *runs*, one a line, to *path* or the standard output.

    Columns: what every run has, then `metrics.`, `params.` and `tags.` of all of them, sorted. All
    runs are held in memory, because the columns are known only after the last one.
    """
    rows = [_row(run) for run in runs]
    keys = sorted({key for row in rows for key in row} - set(_FIXED))
    with _opened(path) as file:
        write_csv(file, (*_FIXED, *keys), rows)


def write_runs_json(runs: Iterable[Run], path: Path | None) -> None:
    """Write *runs* as a JSON list in the form of the REST API, one run at a time."""
    with _opened(path) as file:
        file.write("[")
        for count, run in enumerate(runs):
            file.write(",\n" if count else "\n")
            file.write(wire.encode(run).decode())
        file.write("\n]\n")


def _row(run: Run) -> dict[str, Cell]:
    info: dict[str, Cell] = msgspec.to_builtins(run.info)
    row = {name: info.get(name) for name in _FIXED}
    row |= {"start_time": time_of(run.info.start_time), "end_time": time_of(run.info.end_time)}
    row |= {f"metrics.{key}": value for key, value in run.data.metrics.items()}
    row |= {f"params.{key}": value for key, value in run.data.params.items()}
    return row | {f"tags.{key}": value for key, value in run.data.tags.items()}


@contextlib.contextmanager
def _opened(path: Path | None) -> Iterator[IO[str]]:
    if path is None:
        yield sys.stdout
    else:
        # The csv module ends its lines itself.
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
