"""When a thing was moved to the trash, and since when it is being removed for good.

Old servers leave both empty: what they delete counts as deleted when `gc` first meets it.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, SmallInteger

from millrace.stores.sql.migrations.steps import add_column, add_index, known

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns, and indexes on what is in the trash."""
    for name in ("experiments", "runs", "logged_models"):
        add_column(name, Column("deleted_ms", BigInteger))
        add_column(name, Column("purging_ms", BigInteger))
    for name in ("runs", "logged_models"):
        lifecycle = Column("lifecycle", SmallInteger)
        table = known(name, lifecycle, Column("deleted_ms", BigInteger))
        in_trash = lifecycle == 1
        index = Index(
            f"ix_{name}_trash",
            table.c.deleted_ms,
            sqlite_where=in_trash,
            postgresql_where=in_trash,
        )
        add_index(index)
