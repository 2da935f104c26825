"""The ledger of artifacts: size and digest of each file whose bytes came through a server.

Old servers know nothing of it: what they take in has no record, and what they replace is found to
differ and reported, so let them end before new ones serve downloads.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, MetaData, Table

from millrace.stores.sql.columns import String, Text
from millrace.stores.sql.migrations.steps import add_table

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the table."""
    table = Table(
        "artifacts",
        MetaData(naming_convention={"pk": "pk_%(table_name)s"}),
        Column("id", String(64), primary_key=True),
        Column("uri", Text, nullable=False),
        Column("head", String(160), nullable=False),
        Column("size", BigInteger, nullable=False),
        Column("sha256", String(64), nullable=False),
        Column("recorded_ms", BigInteger, nullable=False),
        Column("token", String(64)),
        Column("broken_ms", BigInteger),
    )
    Index("ix_artifacts_head", table.c.head)
    Index("ix_artifacts_sha256", table.c.sha256)
    add_table(table)
