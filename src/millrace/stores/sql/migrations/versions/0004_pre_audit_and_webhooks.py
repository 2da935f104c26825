"""The audit trail, webhooks and their outbox."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, SmallInteger, Table

from millrace.stores.sql.columns import NAMING, Bytes, String
from millrace.stores.sql.migrations.steps import add_table

revision = "0004"
down_revision = "0003"

metadata = MetaData(naming_convention=NAMING)

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
    Column("record", Bytes, nullable=False),
)

audit_keys = Table(
    "audit_keys",
    metadata,
    Column("key_id", String(64), primary_key=True),
    Column("public_key", String(64), nullable=False),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("is_active", SmallInteger, nullable=False),
    Column("record", Bytes, nullable=False),
    Column("secret", Bytes),
    Index(None, "created_ms", "id"),
)

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


def upgrade() -> None:
    """Add the tables."""
    for table in metadata.sorted_tables:
        add_table(table)
