"""Which views have a name: those without one stand for long addresses, and may be many."""

from __future__ import annotations

from sqlalchemy import Column, Index, SmallInteger

from millrace.stores.sql.migrations.steps import add_column, add_index, known

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the column, which is null where nobody has said, and its index."""
    add_column("views", Column("is_named", SmallInteger))
    add_index(
        Index("ix_views_is_named", known("views", Column("is_named", SmallInteger)).c.is_named)
    )
