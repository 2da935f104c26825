"""Tasks on many runs."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, MetaData, Table

from millrace.stores.sql.columns import NAMING, Bytes, String
from millrace.stores.sql.migrations.steps import add_table

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the table."""
    tasks = Table(
        "tasks",
        MetaData(naming_convention=NAMING),
        Column("id", String(64), primary_key=True),
        Column("ended_ms", BigInteger),
        Column("record", Bytes, nullable=False),
        Column("run_ids", Bytes, nullable=False),
        Index(None, "ended_ms"),
    )
    add_table(tasks)
