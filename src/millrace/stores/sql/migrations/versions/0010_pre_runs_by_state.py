"""Runs by their state, so that they are counted without being read."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, SmallInteger

from millrace.stores.sql.migrations.steps import add_index, known

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the index."""
    runs = known(
        "runs",
        Column("experiment_id", BigInteger),
        Column("lifecycle", SmallInteger),
        Column("status", SmallInteger),
    )
    add_index(Index("ix_runs_state", runs.c.experiment_id, runs.c.lifecycle, runs.c.status))
