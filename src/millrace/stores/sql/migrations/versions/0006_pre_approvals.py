"""Approval policies, requests under them, and the history of stages and aliases.

Old servers know no policies: stop them before the first policy is set.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, MetaData, SmallInteger, Table

from millrace.stores.sql.columns import NAMING, Bytes, Id, String
from millrace.stores.sql.migrations.steps import add_table

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the tables."""
    for table in _tables():
        add_table(table)


def _tables() -> list[Table]:
    metadata = MetaData(naming_convention=NAMING)
    policies = Table(
        "approval_policies",
        metadata,
        Column("models", String(256), primary_key=True),
        Column("record", Bytes, nullable=False),
    )
    requests = Table(
        "approval_requests",
        metadata,
        Column("id", String(64), primary_key=True),
        Column("name", String(256), nullable=False),
        Column("is_open", SmallInteger, nullable=False),
        Column("created_ms", BigInteger, nullable=False),
        Column("record", Bytes, nullable=False),
        Index(None, "name", "created_ms", "id"),
    )
    steps = Table(
        "registry_steps",
        metadata,
        Column("id", Id, primary_key=True, autoincrement=False),
        Column("name", String(256), nullable=False),
        Column("record", Bytes, nullable=False),
        Index(None, "name", "id"),
        sqlite_autoincrement=True,
    )
    return [policies, requests, steps]
