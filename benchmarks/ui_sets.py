"""The data sets of the pages in MLflow's database: what fills a store of ours fills it, too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, Final

from millrace.core.entities.run import Batch, Run
from millrace.core.numbers import value_of
from millrace.core.series import Point
from millrace.stores.protocols import NewExperiment

_RUNS: Final = (
    "insert into runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status,"
    " start_time, end_time, source_version, lifecycle_stage, artifact_uri, experiment_id)"
    " values (?, ?, 'UNKNOWN', '', '', ?, ?, ?, ?, '', 'active', ?, ?)"
)
_POINTS: Final = "(run_uuid, key, value, timestamp, step, is_nan) values (?, ?, ?, ?, ?, 0)"


class MlflowSink:
    """Stands where `tests.sets` has a place of records, and writes rows of MLflow's tables.

    Only the names of its tables and columns are used. *experiment*: the experiment that MLflow has
    made for them.
    """

    def __init__(self, database: str, experiment: str) -> None:
        self._connection = sqlite3.connect(database)
        self._experiment = experiment
        self.tracking = self.transfer = self

    def add_experiment(self, _experiment: NewExperiment) -> Future[Any]:
        """The experiment is there already."""
        return _done(SimpleNamespace(experiment_id=self._experiment))

    def add_run(self, run: Run) -> Future[Run]:
        """Rows of a run and its tags."""
        info, place = run.info, f"mlflow-artifacts:/{self._experiment}/{run.info.run_id}/artifacts"
        self._connection.execute(
            _RUNS,
            (info.run_id, info.run_name, info.user_id, info.status, info.start_time,
             info.end_time, place, self._experiment),
        )  # fmt: skip
        tags = {one.key: one.value for one in run.data.tag_list} | {"mlflow.runName": info.run_name}
        self._insert("tags (run_uuid, key, value) values (?, ?, ?)", info.run_id, tags.items())
        return _done(run)

    def append(self, run_id: str, batch: Batch) -> Future[None]:
        """Rows of params and of metrics of one point each."""
        params = ((one.key, one.value) for one in batch.params)
        self._insert("params (run_uuid, key, value) values (?, ?, ?)", run_id, params)
        points = [(one.key, one.value, one.timestamp, one.step) for one in batch.metrics]
        for table in ("metrics", "latest_metrics"):
            self._insert(f"{table} {_POINTS}", run_id, points)
        return _done(None)

    def adopt_points(self, run_id: str, key: str, points: Sequence[Point]) -> Future[None]:
        """Rows of a piece of a series; its last one is the latest for now."""
        rows = [(key, value_of(value), at_ms, step) for step, at_ms, value in points]
        self._insert(f"metrics {_POINTS}", run_id, rows)
        self._connection.execute(
            "delete from latest_metrics where run_uuid = ? and key = ?", (run_id, key)
        )
        self._insert(f"latest_metrics {_POINTS}", run_id, rows[-1:])
        return _done(None)

    def close(self) -> None:
        """Commit all of it."""
        self._connection.commit()
        self._connection.close()

    def _insert(self, into: str, run_id: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._connection.executemany(f"insert into {into}", ((run_id, *row) for row in rows))


def _done(value: object) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future
