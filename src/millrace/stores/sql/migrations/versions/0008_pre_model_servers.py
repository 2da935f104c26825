"""Model servers, and what lists of approval requests need across models."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, MetaData, SmallInteger, Table

from millrace.stores.sql.columns import NAMING, Bytes, Id, String
from millrace.stores.sql.migrations.steps import add_index, add_table

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the table and the indexes."""
    metadata = MetaData(naming_convention=NAMING)
    add_table(
        Table(
            "model_servers",
            metadata,
            Column("id", String(64), primary_key=True),
            Column("version_id", Id, nullable=False),
            Column("endpoint", String(256), nullable=False),
            Column("host", String(256), nullable=False),
            Column("started_ms", BigInteger, nullable=False),
            Column("lease_ms", BigInteger, nullable=False),
            Column("record", Bytes, nullable=False),
            Index(None, "version_id"),
            Index(None, "lease_ms"),
        )
    )
    requests = Table(
        "approval_requests",
        metadata,
        Column("id", String(64), primary_key=True),
        Column("is_open", SmallInteger, nullable=False),
        Column("created_ms", BigInteger, nullable=False),
    )
    c = requests.c
    for index in (Index(None, c.is_open, c.created_ms, c.id), Index(None, c.created_ms, c.id)):
        add_index(index)
