"""The first schema.

Later changes of `tables` do not reach back: what a table looked like at a revision is written down
in that revision.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    UniqueConstraint,
)

from millrace.stores.sql.columns import (
    KEY_LENGTH,
    NAMING,
    Bytes,
    Id,
    String,
    Text,
    clustered,
    index_by_text,
    index_where_null,
    without_long_key,
)
from millrace.stores.sql.migrations.steps import add_table

revision = "0001"
down_revision = None

metadata = MetaData(naming_convention=NAMING)


meta = Table(
    "meta",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Bytes, nullable=False),
)

experiments = Table(
    "experiments",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("name", String(500), nullable=False, unique=True),
    Column("artifact_location", Text, nullable=False),
    Column("lifecycle", SmallInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Index(None, "created_ms", "id"),
    sqlite_autoincrement=True,
)

experiment_tags = clustered(
    "experiment_tags",
    metadata,
    Column("experiment_id", Id, ForeignKey("experiments.id"), primary_key=True),
    Column("key", String(KEY_LENGTH), primary_key=True),
    Column("value", Text, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("experiment_id", Id, ForeignKey("experiments.id"), nullable=False),
    Column("kind", SmallInteger, nullable=False),
    Column("name", String(KEY_LENGTH), nullable=False),
    UniqueConstraint("experiment_id", "kind", "name"),
    sqlite_autoincrement=True,
)

runs = Table(
    "runs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("uuid", String(32), nullable=False, unique=True),
    Column("experiment_id", Id, ForeignKey("experiments.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("user_id", String(256), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger),
    Column("artifact_uri", Text, nullable=False),
    Column("lifecycle", SmallInteger, nullable=False),
    Column("lease_until_ms", BigInteger),
    Column("lost", SmallInteger, nullable=False),
    sqlite_autoincrement=True,
)
Index(None, runs.c.experiment_id, runs.c.lifecycle, runs.c.start_ms.desc(), runs.c.uuid)
Index(
    "ix_runs_lease",
    runs.c.lease_until_ms,
    sqlite_where=runs.c.lease_until_ms.is_not(None),
    postgresql_where=runs.c.lease_until_ms.is_not(None),
)

run_documents = Table(
    "run_documents",
    metadata,
    Column("run_id", Id, ForeignKey("runs.id"), primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
    Column("document", Bytes),
)
index_where_null("ix_run_documents_stale", run_documents.c.run_id, run_documents.c.document)

params = clustered(
    "params",
    metadata,
    Column("run_id", Id, ForeignKey("runs.id"), primary_key=True),
    Column("key_id", Id, ForeignKey("keys.id"), primary_key=True),
    Column("value", Text, nullable=False),
    Column("number", BigInteger),
)
index_by_text("ix_params_key_value", params.c.key_id, params.c.value, params.c.run_id)

tags = clustered(
    "tags",
    metadata,
    Column("run_id", Id, ForeignKey("runs.id"), primary_key=True),
    Column("key_id", Id, ForeignKey("keys.id"), primary_key=True),
    Column("value", Text, nullable=False),
)
index_by_text("ix_tags_key_value", tags.c.key_id, tags.c.value, tags.c.run_id)

series = Table(
    "series",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("run_id", Id, ForeignKey("runs.id"), nullable=False),
    Column("key_id", Id, ForeignKey("keys.id"), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("nan_count", BigInteger, nullable=False),
    Column("first_step", BigInteger, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("first_value", BigInteger, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("last_value", BigInteger, nullable=False),
    Column("min_value", BigInteger, nullable=False),
    Column("max_value", BigInteger, nullable=False),
    Column("min_step", BigInteger),
    Column("max_step", BigInteger),
    Column("total", BigInteger, nullable=False),
    Column("mean", BigInteger, nullable=False),
    Column("low_ms", BigInteger, nullable=False),
    Column("high_ms", BigInteger, nullable=False),
    Column("stride", BigInteger, nullable=False),
    Column("in_time_order", SmallInteger, nullable=False),
    Column("axis", SmallInteger, nullable=False),
    Column("shift", SmallInteger, nullable=False),
    Column("folded", BigInteger, nullable=False),
    Column("folded_step", BigInteger, nullable=False),
    Column("folded_ms", BigInteger, nullable=False),
    Column("folded_value", BigInteger, nullable=False),
    UniqueConstraint("run_id", "key_id"),
    sqlite_autoincrement=True,
)
Index("ix_series_key_last", series.c.key_id, series.c.last_value, series.c.run_id)

points = clustered(
    "points",
    metadata,
    Column("series_id", Id, primary_key=True, autoincrement=False),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("ms", BigInteger, primary_key=True, autoincrement=False),
    Column("value", BigInteger, primary_key=True, autoincrement=False),
)

buckets = clustered(
    "buckets",
    metadata,
    Column("series_id", Id, primary_key=True, autoincrement=False),
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    Column("count", BigInteger, nullable=False),
    Column("finite", BigInteger, nullable=False),
    Column("min_value", BigInteger, nullable=False),
    Column("max_value", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("first_step", BigInteger, nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("first_value", BigInteger, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("last_value", BigInteger, nullable=False),
    Column("low_ms", BigInteger, nullable=False),
    Column("high_ms", BigInteger, nullable=False),
)

datasets = Table(
    "datasets",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("experiment_id", Id, ForeignKey("experiments.id"), nullable=False),
    Column("name", String(500), nullable=False),
    Column("digest", String(36), nullable=False),
    Column("source_type", String(36), nullable=False),
    Column("source", Text, nullable=False),
    Column("schema", Text),
    Column("profile", Text),
    UniqueConstraint("experiment_id", "name", "digest"),
    sqlite_autoincrement=True,
)

run_datasets = clustered(
    "run_datasets",
    metadata,
    Column("run_id", Id, ForeignKey("runs.id"), primary_key=True),
    Column("dataset_id", Id, ForeignKey("datasets.id"), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("context", Text),
    Column("tags", Text, nullable=False),
)
Index("ix_run_datasets_dataset", run_datasets.c.dataset_id, run_datasets.c.run_id)

run_models = clustered(
    "run_models",
    metadata,
    Column("run_id", Id, ForeignKey("runs.id"), primary_key=True),
    Column("is_output", SmallInteger, primary_key=True),
    Column("model_id", String(64), primary_key=True),
    Column("step", BigInteger, nullable=False),
    Column("position", Integer, nullable=False),
)

logged_models = Table(
    "logged_models",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("uuid", String(64), nullable=False, unique=True),
    Column("experiment_id", Id, ForeignKey("experiments.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("model_type", Text, nullable=False),
    Column("source_run_id", String(64), nullable=False),
    Column("status_message", Text),
    Column("artifact_uri", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("lifecycle", SmallInteger, nullable=False),
    sqlite_autoincrement=True,
)
Index(
    None,
    logged_models.c.experiment_id,
    logged_models.c.lifecycle,
    logged_models.c.created_ms.desc(),
    logged_models.c.uuid,
)

logged_model_params = clustered(
    "logged_model_params",
    metadata,
    Column("model_id", Id, ForeignKey("logged_models.id"), primary_key=True),
    Column("key", String(KEY_LENGTH), primary_key=True),
    Column("value", Text, nullable=False),
    Column("number", BigInteger),
)

logged_model_tags = clustered(
    "logged_model_tags",
    metadata,
    Column("model_id", Id, ForeignKey("logged_models.id"), primary_key=True),
    Column("key", String(KEY_LENGTH), primary_key=True),
    Column("value", Text, nullable=False),
)

logged_model_metrics = clustered(
    "logged_model_metrics",
    metadata,
    Column("model_id", Id, ForeignKey("logged_models.id"), primary_key=True),
    Column("key", String(KEY_LENGTH), primary_key=True),
    Column("run_uuid", String(32), primary_key=True),
    Column("dataset_name", String(500), primary_key=True),
    Column("dataset_digest", String(36), primary_key=True),
    Column("step", BigInteger, primary_key=True, autoincrement=False),
    Column("ms", BigInteger, primary_key=True, autoincrement=False),
    Column("value", BigInteger, primary_key=True, autoincrement=False),
)
without_long_key(logged_model_metrics, "model_id", "key", "step", "ms")

evaluation_datasets = Table(
    "evaluation_datasets",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("record", Bytes, nullable=False),
)

evaluation_dataset_experiments = clustered(
    "evaluation_dataset_experiments",
    metadata,
    Column("dataset_id", String(64), ForeignKey("evaluation_datasets.id"), primary_key=True),
    Column("experiment_id", Id, ForeignKey("experiments.id"), primary_key=True),
)
Index(
    None,
    evaluation_dataset_experiments.c.experiment_id,
    evaluation_dataset_experiments.c.dataset_id,
)

evaluation_records = Table(
    "evaluation_records",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("dataset_id", String(64), ForeignKey("evaluation_datasets.id"), nullable=False),
    Column("inputs_digest", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("record", Bytes, nullable=False),
    UniqueConstraint("dataset_id", "inputs_digest"),
    Index(None, "dataset_id", "created_ms", "id"),
)

receipts = Table(
    "receipts",
    metadata,
    Column("key_digest", String(64), primary_key=True),
    Column("request_digest", String(64), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("result", Bytes, nullable=False),
    Index(None, "at_ms"),
)


def upgrade() -> None:
    """Create all tables."""
    for table in metadata.sorted_tables:
        add_table(table)
