"""Writes the seeded runs straight into MLflow's database, in MLflow's own environment.

Over REST the 10,000 runs would take seven minutes. Only the names of tables and columns are used,
as SQLAlchemy reflects them from the database that the server has made.

python -m benchmarks.foreign.seed_database DATABASE EXPERIMENT_ID RUNS
"""

from __future__ import annotations

import sys
import uuid
from typing import Any

from sqlalchemy import MetaData, create_engine, insert

from benchmarks.data import RunRecord, run_record

Row = dict[str, Any]


def _rows(record: RunRecord, experiment_id: int) -> dict[str, list[Row]]:
    run_id = uuid.uuid4().hex
    metrics = [
        {"run_uuid": run_id, "key": key, "value": value, "timestamp": record.start_ms, "step": 0}
        | {"is_nan": False}
        for key, value in record.metrics.items()
    ]
    tags = record.tags | {"mlflow.runName": record.name}
    run = {
        "run_uuid": run_id,
        "name": record.name,
        "source_type": "UNKNOWN",
        "source_name": "",
        "entry_point_name": "",
        "user_id": "",
        "status": "RUNNING",
        "start_time": record.start_ms,
        "source_version": "",
        "lifecycle_stage": "active",
        "artifact_uri": f"mlflow-artifacts:/{experiment_id}/{run_id}/artifacts",
        "experiment_id": experiment_id,
    }
    return {
        "runs": [run],
        "metrics": metrics,
        "latest_metrics": metrics,
        "params": [{"run_uuid": run_id, "key": k, "value": v} for k, v in record.params.items()],
        "tags": [{"run_uuid": run_id, "key": k, "value": v} for k, v in tags.items()],
    }


def seed(database: str, experiment_id: int, runs: int) -> None:
    """Insert runs 0 to *runs* - 1 in one transaction."""
    scheme, _, place = database.rpartition("://")
    engine = create_engine(f"{scheme}+psycopg2://{place}" if scheme else f"sqlite:///{database}")
    meta = MetaData()
    meta.reflect(engine, only=["runs", "metrics", "latest_metrics", "params", "tags"])
    collected: dict[str, list[Row]] = {}
    for i in range(runs):
        for table, rows in _rows(run_record(i), experiment_id).items():
            collected.setdefault(table, []).extend(rows)
    with engine.begin() as connection:
        for table, rows in collected.items():
            connection.execute(insert(meta.tables[table]), rows)


if __name__ == "__main__":
    seed(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
