"""Saved views of pages."""

from __future__ import annotations

from sqlalchemy import Column, Index, MetaData, Table

from millrace.stores.sql.columns import NAMING, Bytes, String
from millrace.stores.sql.migrations.steps import add_table

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the table."""
    views = Table(
        "views",
        MetaData(naming_convention=NAMING),
        Column("id", String(64), primary_key=True),
        Column("experiment_id", String(64), nullable=False),
        Column("record", Bytes, nullable=False),
        Index(None, "experiment_id"),
    )
    add_table(views)
