"""The statements of the hot paths, compiled once per database.

Values are given as tuples in the order in which the names stand in the statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import insert, text

from millrace.stores.sql import tables as t
from millrace.stores.sql.dialects import insert_new, upsert

if TYPE_CHECKING:
    from sqlalchemy import Table

    from millrace.stores.sql.engine import Database, Prepared

SERIES_COLUMNS: Final = tuple(column.name for column in t.series.columns)
SERIES_CHANGING: Final = tuple(
    name for name in SERIES_COLUMNS if name not in {"id", "run_id", "key_id"}
)
BUCKET_COLUMNS: Final = tuple(column.name for column in t.buckets.columns)
RUN_COLUMNS: Final = tuple(column.name for column in t.runs.columns)
_COUNTED: Final = (
    t.runs, t.keys, t.series, t.datasets, t.registered_models, t.model_versions,
)  # fmt: skip

_BUCKETS = f"SELECT {', '.join(BUCKET_COLUMNS)} FROM buckets WHERE series_id = :series"  # noqa: S608
_POINTS = "SELECT step, ms, value FROM points WHERE series_id = :series"
_AFTER = "(step, ms, value) > (:step, :ms, :value)"
_UP = "ORDER BY step, ms, value"
# NaN, the least integer, sorts as 0 in a history.
_IS_NAN = "(value = -9223372036854775807 - 1)"
_BY_TIME = f"ms, step, CASE WHEN {_IS_NAN} THEN 0 ELSE value END, {_IS_NAN}"


class Statements:
    """Prepared statements, named by what they do."""

    def __init__(self, database: Database) -> None:  # noqa: PLR0915 - one line a statement
        def sql(statement: str) -> Prepared:
            return database.prepare(text(statement))

        def new_row(table: Table) -> Prepared:
            return database.prepare(insert(table), *(column.name for column in table.columns))

        def new_or_same(table: Table) -> Prepared:
            names = (column.name for column in table.columns)
            return database.prepare(insert_new(table), *names)

        def new_or_changed(table: Table, *changed: str) -> Prepared:
            names = (column.name for column in table.columns)
            return database.prepare(upsert(table, changed=changed), *names)

        # moves on when another process has written
        self.data_version = sql("PRAGMA data_version")

        self.experiment = sql(
            "SELECT lifecycle, artifact_location FROM experiments WHERE id = :experiment"
        )

        # runs
        self.run_state = sql(
            "SELECT id, experiment_id, lifecycle, lost FROM runs WHERE uuid = :uuid"
        )
        self.run = sql(f"SELECT {', '.join(RUN_COLUMNS)} FROM runs WHERE id = :run")  # noqa: S608
        self.change_run = sql(
            "UPDATE runs SET name = :name, status = :status, end_ms = :end, lifecycle = :lifecycle,"
            " lease_until_ms = :lease, deleted_ms = :deleted WHERE id = :run"
        )
        self.insert_run = new_row(t.runs)
        self.insert_document = new_row(t.run_documents)
        self.raise_revision = sql(
            "UPDATE run_documents SET revision = revision + 1, document = NULL WHERE run_id = :run"
        )
        self.stale_documents = sql(
            "SELECT run_id, revision FROM run_documents WHERE document IS NULL LIMIT :limit"
        )
        self.store_document = sql(
            "UPDATE run_documents SET document = :document"
            " WHERE run_id = :run AND revision = :revision"
        )
        self.document = sql(
            "SELECT r.id, d.revision, d.document FROM runs r"
            " JOIN run_documents d ON d.run_id = r.id WHERE r.uuid = :uuid"
        )
        self.rename_run = sql("UPDATE runs SET name = :name WHERE id = :run")
        self.revive_run = sql("UPDATE runs SET lost = 0 WHERE id = :run")

        # keys, params, tags
        self.keys_of_kind = sql(
            "SELECT id, name FROM keys WHERE experiment_id = :experiment AND kind = :kind"
        )
        self.key = sql(
            "SELECT id FROM keys"
            " WHERE experiment_id = :experiment AND kind = :kind AND name = :name"
        )
        self.insert_key = new_row(t.keys)
        self.params = sql("SELECT key_id, value FROM params WHERE run_id = :run")
        self.insert_param = new_or_same(t.params)
        self.set_tag = new_or_changed(t.tags, "value")
        self.tag = sql("SELECT value FROM tags WHERE run_id = :run AND key_id = :key")
        self.delete_tag = sql("DELETE FROM tags WHERE run_id = :run AND key_id = :key")

        # series and points
        self.series = sql(
            f"SELECT {', '.join(SERIES_COLUMNS)} FROM series"  # noqa: S608 - our own column names
            " WHERE run_id = :run AND key_id = :key"
        )
        self.series_of_run = sql(
            f"SELECT {', '.join(SERIES_COLUMNS)} FROM series WHERE run_id = :run"  # noqa: S608
        )
        self.named_series = sql(
            f"SELECT {', '.join('s.' + name for name in SERIES_COLUMNS)}, r.start_ms"  # noqa: S608
            " FROM runs r JOIN keys k ON k.experiment_id = r.experiment_id AND k.kind = 1"
            " AND k.name = :name JOIN series s ON s.run_id = r.id AND s.key_id = k.id"
            " WHERE r.uuid = :uuid"
        )
        self.insert_series = new_row(t.series)
        self.change_series = sql(
            f"UPDATE series SET {', '.join(f'{name} = :{name}' for name in SERIES_CHANGING)}"  # noqa: S608
            " WHERE id = :id"
        )
        self.insert_point = new_row(t.points)
        self.has_point = sql(
            "SELECT 1 FROM points"
            " WHERE series_id = :series AND step = :step AND ms = :ms AND value = :value"
        )
        self.points = sql(f"{_POINTS} AND step BETWEEN :low AND :high {_UP}")
        self.points_limited = sql(f"{_POINTS} AND step BETWEEN :low AND :high {_UP} LIMIT :limit")
        self.nth_point = sql(
            f"{_POINTS} AND step BETWEEN :low AND :high {_UP} LIMIT 1 OFFSET :offset"
        )
        self.first_point_at = sql(f"{_POINTS} AND step = :step {_UP} LIMIT 1")
        self.last_point = sql(
            f"{_POINTS} AND step BETWEEN :low AND :high"
            " ORDER BY step DESC, ms DESC, value DESC LIMIT 1"
        )
        self.count_points = sql(
            "SELECT count(*) FROM points WHERE series_id = :series AND step BETWEEN :low AND :high"
        )
        self.points_from = sql(f"{_POINTS} AND (step, ms) >= (:step, :ms) {_UP} LIMIT :limit")
        self.points_after = sql(f"{_POINTS} AND {_AFTER} {_UP}")
        self.points_after_limited = sql(f"{_POINTS} AND {_AFTER} {_UP} LIMIT :limit")
        self.points_between = sql(
            f"{_POINTS} AND (step, ms, value) >= (:step, :ms, :value)"
            f" AND (step, ms, value) <= (:step_2, :ms_2, :value_2) {_UP}"
        )
        self.points_by_time = sql(f"{_POINTS} ORDER BY {_BY_TIME} LIMIT :limit")
        self.points_by_time_after = sql(
            f"{_POINTS} AND ({_BY_TIME}) > (:ms, :step, :sorted, :is_nan) ORDER BY {_BY_TIME}"
            " LIMIT :limit"
        )

        # the pyramid
        self.bucket = sql(f"{_BUCKETS} AND level = :level AND slot = :slot")
        self.buckets = sql(
            f"{_BUCKETS} AND level = :level AND slot BETWEEN :low AND :high ORDER BY slot"
        )
        self.bucket_counts = sql(
            "SELECT slot, count FROM buckets WHERE series_id = :series AND level = :level"
            " AND slot BETWEEN :low AND :high ORDER BY slot"
        )
        self.put_bucket = new_or_changed(t.buckets, *BUCKET_COLUMNS[3:])

        # inputs and outputs
        self.dataset = sql(
            "SELECT id FROM datasets WHERE experiment_id = :experiment AND name = :name"
            " AND digest = :digest"
        )
        self.insert_dataset = new_row(t.datasets)
        self.count_datasets = sql("SELECT count(*) FROM run_datasets WHERE run_id = :run")
        self.insert_run_dataset = new_or_same(t.run_datasets)
        self.count_models = sql("SELECT count(*) FROM run_models WHERE run_id = :run")
        self.insert_run_model = new_or_same(t.run_models)
        self.model = sql(
            "SELECT id, experiment_id, lifecycle FROM logged_models WHERE uuid = :uuid"
        )
        self.insert_model_metric = new_or_same(t.logged_model_metrics)

        # replays
        self.receipt = sql("SELECT request_digest, result FROM receipts WHERE key_digest = :key")
        self.insert_receipt = new_row(t.receipts)
        self.delete_old_receipts = sql("DELETE FROM receipts WHERE at_ms < :before")

        # the audit trail and the outbox
        self.last_entry = sql("SELECT seq, text, hash FROM audit_entries ORDER BY seq DESC LIMIT 1")
        self.insert_entry = new_row(t.audit_entries)
        self.insert_delivery = new_row(t.deliveries)

        self.sequence = sql("SELECT seq FROM sqlite_sequence WHERE name = :table")
        self.greatest_id = {
            table.name: sql(f"SELECT coalesce(max(id), 0) FROM {table.name}")  # noqa: S608
            for table in _COUNTED
        }
