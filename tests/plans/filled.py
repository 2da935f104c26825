"""A database with enough rows that to read a whole table is never the quickest way.

Written past the store, since only the numbers of rows matter here, and in a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from sqlalchemy import Connection, Table, insert

from millrace.core.numbers import key_of
from millrace.stores.sql import tables as t
from millrace.stores.sql.transaction import METRIC, PARAM, TAG

EXPERIMENTS: Final = 10
RUNS: Final = 1_000
"""In each experiment."""
POINTS: Final = 50
"""Of each tenth run."""
MODELS: Final = 3_000
VERSIONS: Final = 3
"""Of each model."""

_KEYS: Final = [
    (METRIC, "loss"),
    (METRIC, "other"),
    (PARAM, "p"),
    (PARAM, "q"),
    (TAG, "u"),
    (TAG, "v"),
]
_SERIES: Final = dict.fromkeys(
    (column.name for column in t.series.columns if not column.nullable), 0
)
_CHUNK: Final = 5_000


def run_uuid(row: int) -> str:
    """Id of the run that is the *row*-th."""
    return f"{row:032x}"


def text(row: int) -> str:
    """A param or tag of the *row*-th run: 500 characters, which differ within the first few."""
    return f"{row * 7_919 % 100_003:06}" + "x" * 494


def fill(connection: Connection) -> None:
    """Write all of it."""
    for table, rows in (
        (t.experiments, _experiments()),
        (t.keys, _keys()),
        (t.runs, _runs()),
        (t.run_documents, ({"run_id": row, "revision": 1, "document": b"{}"} for row in _rows())),
        (t.params, _texts(2)),
        (t.tags, _texts(4)),
        (t.series, _series()),
        (t.points, _points()),
        (t.registered_models, _models()),
        (t.registered_model_tags, _tags("model_id", MODELS)),
        (t.model_versions, _versions()),
        (t.model_version_tags, _tags("version_id", MODELS * VERSIONS)),
        (t.registered_model_aliases, _aliases()),
    ):
        _write(connection, table, rows)


def _write(connection: Connection, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    waiting = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == _CHUNK:
            connection.execute(insert(table), waiting)
            waiting = []
    if waiting:
        connection.execute(insert(table), waiting)


def _rows() -> range:
    return range(1, EXPERIMENTS * RUNS + 1)


def _home(row: int) -> int:
    return 1 + row % EXPERIMENTS


def key_id(experiment: int, place: int) -> int:
    """Of the name at *place* in `_KEYS`."""
    return experiment * len(_KEYS) + place


def _experiments() -> Iterator[dict[str, Any]]:
    for number in range(1, EXPERIMENTS + 1):
        yield {
            "id": number, "name": f"e{number}", "artifact_location": "s3://b", "lifecycle": 0,
            "created_ms": number, "updated_ms": number,
        }  # fmt: skip


def _keys() -> Iterator[dict[str, Any]]:
    for experiment in range(1, EXPERIMENTS + 1):
        for place, (kind, name) in enumerate(_KEYS):
            key = key_id(experiment, place)
            yield {"id": key, "experiment_id": experiment, "kind": kind, "name": name}


def _runs() -> Iterator[dict[str, Any]]:
    for row in _rows():
        yield {
            "id": row, "uuid": run_uuid(row), "experiment_id": _home(row), "name": f"r{row}",
            "user_id": "ada", "status": 1, "start_ms": row * 7_919 % 100_003, "artifact_uri": "s3://b",
            "lifecycle": 0, "lost": 0,
        }  # fmt: skip


def _texts(first: int) -> Iterator[dict[str, Any]]:
    for row in _rows():
        for place in (first, first + 1):
            yield {"run_id": row, "key_id": key_id(_home(row), place), "value": text(row)}


def _series() -> Iterator[dict[str, Any]]:
    for row in _rows():
        for place in (0, 1):
            value = key_of(float(row * 7_919 % 100_003))
            yield _SERIES | {
                "id": 2 * row + place, "run_id": row, "key_id": key_id(_home(row), place),
                "count": POINTS, "last_value": value, "min_value": value, "max_value": value,
                "last_step": POINTS - 1, "stride": 1, "in_time_order": 1,
            }  # fmt: skip


def _points() -> Iterator[dict[str, Any]]:
    for row in _rows()[9::10]:
        for place in (0, 1):
            for step in range(POINTS):
                yield {"series_id": 2 * row + place, "step": step, "ms": step, "value": step}


def _models() -> Iterator[dict[str, Any]]:
    for row in range(1, MODELS + 1):
        yield {
            "id": row, "name": f"m{row:05}", "is_prompt": 0, "last_version": VERSIONS,
            "created_ms": row, "updated_ms": row, "document": b"{}",
        }  # fmt: skip


def _tags(owner: str, count: int) -> Iterator[dict[str, Any]]:
    for row in range(1, count + 1):
        yield {owner: row, "key": "t", "value": text(row)}


def _versions() -> Iterator[dict[str, Any]]:
    for model in range(1, MODELS + 1):
        for number in range(1, VERSIONS + 1):
            row = (model - 1) * VERSIONS + number
            yield {
                "id": row, "model_id": model, "name": f"m{model:05}", "version": number,
                "is_prompt": 0, "stage": 0, "source": "s3://b", "location": "s3://b",
                "run_uuid": run_uuid(row), "logged_uuid": "", "created_ms": row,
                "updated_ms": row, "document": b"{}",
            }  # fmt: skip


def _aliases() -> Iterator[dict[str, Any]]:
    for model in range(1, MODELS + 1):
        yield {"model_id": model, "alias": "best", "version_id": (model - 1) * VERSIONS + 1}
