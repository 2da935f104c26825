"""The model registry: models, versions, tags, aliases, comments, manifests.

Old servers have no registry: they do not mind.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
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
)
from millrace.stores.sql.migrations.steps import add_table

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the tables."""
    for table in _tables():
        add_table(table)


def _tables() -> list[Table]:
    metadata = MetaData(naming_convention=NAMING)
    models = Table(
        "registered_models",
        metadata,
        Column("id", Id, primary_key=True, autoincrement=False),
        Column("name", String(256), nullable=False, unique=True),
        Column("is_prompt", SmallInteger, nullable=False),
        Column("last_version", BigInteger, nullable=False),
        Column("created_ms", BigInteger, nullable=False),
        Column("updated_ms", BigInteger, nullable=False),
        Column("document", Bytes, nullable=False),
        Index(None, "is_prompt", "name"),
        sqlite_autoincrement=True,
    )
    model_tags = clustered(
        "registered_model_tags",
        metadata,
        Column("model_id", Id, ForeignKey("registered_models.id"), primary_key=True),
        Column("key", String(KEY_LENGTH), primary_key=True),
        Column("value", Text, nullable=False),
    )
    tag = model_tags.c
    index_by_text("ix_registered_model_tags_key_value", tag.key, tag.value, tag.model_id)
    versions = Table(
        "model_versions",
        metadata,
        Column("id", Id, primary_key=True, autoincrement=False),
        Column("model_id", Id, ForeignKey("registered_models.id"), nullable=False),
        Column("name", String(256), nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("is_prompt", SmallInteger, nullable=False),
        Column("stage", SmallInteger, nullable=False),
        Column("source", Text, nullable=False),
        Column("location", Text, nullable=False),
        Column("run_uuid", String(64), nullable=False),
        Column("logged_uuid", String(64), nullable=False),
        Column("parent_id", Id),
        Column("created_ms", BigInteger, nullable=False),
        Column("updated_ms", BigInteger, nullable=False),
        Column("document", Bytes, nullable=False),
        UniqueConstraint("name", "version"),
        sqlite_autoincrement=True,
    )
    v = versions.c
    Index("ix_model_versions_latest", v.model_id, v.stage, v.version)
    Index("ix_model_versions_recent", v.is_prompt, v.updated_ms.desc(), v.name, v.version.desc())
    Index("ix_model_versions_run", v.run_uuid, sqlite_where=v.run_uuid != "")
    Index("ix_model_versions_logged", v.logged_uuid, sqlite_where=v.logged_uuid != "")
    Index("ix_model_versions_parent", v.parent_id, sqlite_where=v.parent_id.is_not(None))
    version_tags = clustered(
        "model_version_tags",
        metadata,
        Column("version_id", Id, ForeignKey("model_versions.id"), primary_key=True),
        Column("key", String(KEY_LENGTH), primary_key=True),
        Column("value", Text, nullable=False),
    )
    tag = version_tags.c
    index_by_text("ix_model_version_tags_key_value", tag.key, tag.value, tag.version_id)
    aliases = clustered(
        "registered_model_aliases",
        metadata,
        Column("model_id", Id, ForeignKey("registered_models.id"), primary_key=True),
        Column("alias", String(255), primary_key=True),
        Column("version_id", Id, ForeignKey("model_versions.id"), nullable=False),
    )
    Index(None, aliases.c.version_id)
    comments = Table(
        "registry_comments",
        metadata,
        Column("id", String(64), primary_key=True),
        Column("model_id", Id, ForeignKey("registered_models.id"), nullable=False),
        Column("version_id", Id, ForeignKey("model_versions.id")),
        Column("created_ms", BigInteger, nullable=False),
        Column("record", Bytes, nullable=False),
        Index(None, "model_id", "created_ms", "id"),
        Index(None, "version_id"),
    )
    version = ForeignKey("model_versions.id")
    manifests = Table(
        "model_version_manifests",
        metadata,
        Column("version_id", Id, version, primary_key=True, autoincrement=False),
        Column("state", SmallInteger, nullable=False),
        Column("digest", String(64)),
        Column("record", Bytes, nullable=False),
        Index(None, "state", "version_id"),
        Index(None, "digest"),
    )
    return [models, model_tags, versions, version_tags, aliases, comments, manifests]
