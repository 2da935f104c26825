"""The first schema.

Later changes of `tables` do not reach back: what a table looked like at a revision is written down
in that revision. This one stands for the beginning, so it is the only one that creates everything.
"""

from __future__ import annotations

from alembic import op

from millrace.stores.sql.tables import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create all tables."""
    metadata.create_all(op.get_bind())
