"""The schema: compact, with integers inside.

Names of metrics, params and tags are interned per experiment (`keys`), so that one key is one
range of an index and belongs to one experiment only. Points are clustered by (series, step, time,
value): duplicate check, reading order and covering index in one tree. Metric values are the
sortable integers of `core.numbers`. Times are milliseconds since the epoch.
"""

from __future__ import annotations

from typing import Final

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

metadata: Final = MetaData(naming_convention=NAMING)
_MODEL_NAME_LENGTH = 256
_ALIAS_LENGTH = 255
_SERVER_TEXT_LENGTH = 256


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
    # When it was moved to the trash, and since when it is being removed for good.
    Column("deleted_ms", BigInteger),
    Column("purging_ms", BigInteger),
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
    # When it was moved to the trash, and since when it is being removed for good.
    Column("deleted_ms", BigInteger),
    Column("purging_ms", BigInteger),
    sqlite_autoincrement=True,
)
Index(None, runs.c.experiment_id, runs.c.lifecycle, runs.c.start_ms.desc(), runs.c.uuid)
Index("ix_runs_state", runs.c.experiment_id, runs.c.lifecycle, runs.c.status)
Index(
    "ix_runs_lease",
    runs.c.lease_until_ms,
    sqlite_where=runs.c.lease_until_ms.is_not(None),
    postgresql_where=runs.c.lease_until_ms.is_not(None),
)
_DELETED = 1
Index(
    "ix_runs_trash",
    runs.c.deleted_ms,
    sqlite_where=runs.c.lifecycle == _DELETED,
    postgresql_where=runs.c.lifecycle == _DELETED,
)

# The ready JSON of a run. A write raises the revision and drops the document in the same
# transaction; a reader that builds it anew hands it back under the revision it saw.
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
    Column("number", BigInteger),  # the sortable integer of the number that the value is, if any
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

# One row per (run, metric): what is known of all its points without reading them.
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
    Column("total", BigInteger, nullable=False),  # sum of all but NaNs, as a sortable integer
    Column("mean", BigInteger, nullable=False),
    Column("low_ms", BigInteger, nullable=False),
    Column("high_ms", BigInteger, nullable=False),
    # 0: one point so far, > 0: one point every so many steps, -1: irregular.
    Column("stride", BigInteger, nullable=False),
    # Whether the points are in order of time when they are in order of step.
    Column("in_time_order", SmallInteger, nullable=False),
    # The bucket pyramid: 0 none yet, 1 over steps, 2 over times; the width of its finest buckets as
    # a power of two; how many points it holds, and the last of them.
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

# The pyramid: at level l a slot spans 2 ** (shift + 3 l) of the axis. Extremes and total are over
# the finite values.
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
    Column("context", Text),  # the tag `mlflow.data.context`, where it can be searched
    Column("tags", Text, nullable=False),  # JSON object of all its tags
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
    # When it was moved to the trash, and since when it is being removed for good.
    Column("deleted_ms", BigInteger),
    Column("purging_ms", BigInteger),
    sqlite_autoincrement=True,
)
Index(
    None,
    logged_models.c.experiment_id,
    logged_models.c.lifecycle,
    logged_models.c.created_ms.desc(),
    logged_models.c.uuid,
)
Index(
    "ix_logged_models_trash",
    logged_models.c.deleted_ms,
    sqlite_where=logged_models.c.lifecycle == _DELETED,
    postgresql_where=logged_models.c.lifecycle == _DELETED,
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
    Column("dataset_name", String(500), primary_key=True),  # "" where none was named
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
    Column("record", Bytes, nullable=False),  # JSON of the EvaluationDataset, experiments too
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
    Column("record", Bytes, nullable=False),  # JSON of the EvaluationRecord
    UniqueConstraint("dataset_id", "inputs_digest"),
    Index(None, "dataset_id", "created_ms", "id"),
)

# Files whose bytes came through us; `id` is the digest of the URI, `head` its beginning.
HEAD_LENGTH: Final = 160
artifacts = Table(
    "artifacts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("uri", Text, nullable=False),
    Column("head", String(HEAD_LENGTH), nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("recorded_ms", BigInteger, nullable=False),
    Column("token", String(64)),
    Column("broken_ms", BigInteger),
)

# The registry. A version carries the name of its model, so that reading one by name, walking all in
# the default order and matching names are each one index; a rename writes to all of them.
# `document` is the record as ready JSON, written anew by whatever changes it: reads outnumber
# changes by far. The other columns are what records are found and sorted by.
registered_models = Table(
    "registered_models",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("name", String(_MODEL_NAME_LENGTH), nullable=False, unique=True),
    Column("is_prompt", SmallInteger, nullable=False),
    Column("last_version", BigInteger, nullable=False),  # the greatest number ever given out
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("document", Bytes, nullable=False),
    Index(None, "is_prompt", "name"),
    sqlite_autoincrement=True,
)

registered_model_tags = clustered(
    "registered_model_tags",
    metadata,
    Column("model_id", Id, ForeignKey("registered_models.id"), primary_key=True),
    Column("key", String(KEY_LENGTH), primary_key=True),
    Column("value", Text, nullable=False),
)
_tag = registered_model_tags.c
index_by_text("ix_registered_model_tags_key_value", _tag.key, _tag.value, _tag.model_id)

model_versions = Table(
    "model_versions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("model_id", Id, ForeignKey("registered_models.id"), nullable=False),
    Column("name", String(_MODEL_NAME_LENGTH), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("is_prompt", SmallInteger, nullable=False),
    Column("stage", SmallInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("location", Text, nullable=False),  # where the files are, once the source is resolved
    Column("run_uuid", String(64), nullable=False),  # "" where no run is named
    Column("logged_uuid", String(64), nullable=False),  # the logged model; likewise
    Column("parent_id", Id),  # the version that this is a copy of; it may be gone
    Column("created_ms", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
    Column("document", Bytes, nullable=False),
    UniqueConstraint("name", "version"),
    sqlite_autoincrement=True,
)
_v = model_versions.c
Index("ix_model_versions_latest", _v.model_id, _v.stage, _v.version)
Index("ix_model_versions_recent", _v.is_prompt, _v.updated_ms.desc(), _v.name, _v.version.desc())
Index("ix_model_versions_run", _v.run_uuid, sqlite_where=_v.run_uuid != "")
Index("ix_model_versions_logged", _v.logged_uuid, sqlite_where=_v.logged_uuid != "")
Index("ix_model_versions_parent", _v.parent_id, sqlite_where=_v.parent_id.is_not(None))

model_version_tags = clustered(
    "model_version_tags",
    metadata,
    Column("version_id", Id, ForeignKey("model_versions.id"), primary_key=True),
    Column("key", String(KEY_LENGTH), primary_key=True),
    Column("value", Text, nullable=False),
)
_tag = model_version_tags.c
index_by_text("ix_model_version_tags_key_value", _tag.key, _tag.value, _tag.version_id)

registered_model_aliases = clustered(
    "registered_model_aliases",
    metadata,
    Column("model_id", Id, ForeignKey("registered_models.id"), primary_key=True),
    Column("alias", String(_ALIAS_LENGTH), primary_key=True),
    Column("version_id", Id, ForeignKey("model_versions.id"), nullable=False),
)
Index(None, registered_model_aliases.c.version_id)

registry_comments = Table(
    "registry_comments",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("model_id", Id, ForeignKey("registered_models.id"), nullable=False),
    Column("version_id", Id, ForeignKey("model_versions.id")),  # NULL: said of the model itself
    Column("created_ms", BigInteger, nullable=False),
    Column("record", Bytes, nullable=False),  # JSON of the Comment, but for name and version
    Index(None, "model_id", "created_ms", "id"),
    Index(None, "version_id"),
)

# The files of a version when it was registered. Pending ones are looked for by state.
model_version_manifests = Table(
    "model_version_manifests",
    metadata,
    Column(
        "version_id", Id, ForeignKey("model_versions.id"), primary_key=True, autoincrement=False
    ),
    Column("state", SmallInteger, nullable=False),
    Column("digest", String(64)),
    Column("record", Bytes, nullable=False),  # JSON of the Manifest
    Index(None, "state", "version_id"),
    Index(None, "digest"),
)

# Who must agree to changes of guarded stages and aliases; `models` is a name or a pattern.
approval_policies = Table(
    "approval_policies",
    metadata,
    Column("models", String(_MODEL_NAME_LENGTH), primary_key=True),
    Column("record", Bytes, nullable=False),  # JSON of the Policy
)

approval_requests = Table(
    "approval_requests",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(_MODEL_NAME_LENGTH), nullable=False),
    Column("is_open", SmallInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("record", Bytes, nullable=False),  # JSON of the ApprovalRequest
    Index(None, "name", "created_ms", "id"),
    Index(None, "is_open", "created_ms", "id"),
    Index(None, "created_ms", "id"),
)

# What stood in stages and under aliases, move by move: what a rollback goes back to.
registry_steps = Table(
    "registry_steps",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=False),
    Column("name", String(_MODEL_NAME_LENGTH), nullable=False),
    Column("record", Bytes, nullable=False),  # JSON of the Step
    Index(None, "name", "id"),
    sqlite_autoincrement=True,
)

# What serves which version; it counts until `lease_ms`. No foreign key: releases that do not know
# this table delete versions, too.
model_servers = Table(
    "model_servers",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("version_id", Id, nullable=False),
    Column("endpoint", String(_SERVER_TEXT_LENGTH), nullable=False),
    Column("host", String(_SERVER_TEXT_LENGTH), nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("lease_ms", BigInteger, nullable=False),
    Column("record", Bytes, nullable=False),  # JSON of the ModelServer, but for name and lease
    Index(None, "version_id"),
    Index(None, "lease_ms"),
)

# How pages show their records; "" where a view is of no experiment.
views = Table(
    "views",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("experiment_id", String(64), nullable=False),
    Column("record", Bytes, nullable=False),  # JSON of the View
    Column("is_named", SmallInteger),  # null: an older server wrote it
    Index(None, "experiment_id"),
    Index(None, "is_named"),
)

# Work on many runs; what it is about is written once.
tasks = Table(
    "tasks",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("ended_ms", BigInteger),
    Column("record", Bytes, nullable=False),  # JSON of the Task
    Column("run_ids", Bytes, nullable=False),  # JSON list
    Index(None, "ended_ms"),
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

# --- the audit trail ---------------------------------------------------------------------------

# `text` is the entry; the columns beside it are there to look it up by.
audit_entries = Table(
    "audit_entries",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", String(256), nullable=False),
    Column("action", String(64), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("object_id", String(512), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("text", Bytes, nullable=False),
    Column("hash", Bytes, nullable=False),
    Index(None, "at_ms"),
    Index(None, "actor", "seq"),
    Index(None, "action", "seq"),
    Index("ix_audit_entries_object", "kind", "object_id", "seq"),
    Index(None, "request_id"),
)

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("record", Bytes, nullable=False),  # JSON of the SignedHead
)

audit_keys = Table(
    "audit_keys",
    metadata,
    Column("key_id", String(64), primary_key=True),
    Column("public_key", String(64), nullable=False),
)

# --- webhooks ----------------------------------------------------------------------------------

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("is_active", SmallInteger, nullable=False),
    Column("record", Bytes, nullable=False),  # JSON of the Webhook
    Column("secret", Bytes),  # sealed with a key that is not in the database
    Index(None, "created_ms", "id"),
)

# The outbox, and what became of it: written with the change that it tells of, claimed by a worker
# until `lease_ms`, kept for some time after its end.
deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("webhook_id", String(36), nullable=False),
    Column("event", String(64), nullable=False),
    Column("body", Bytes, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("lease_ms", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("response_status", Integer),
    Column("problem", String(500)),
    Column("took_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Index(None, "state", "due_ms"),
    Index(None, "webhook_id", "created_ms", "id"),
    Index(None, "ended_ms"),
)
