"""Alembic's entry: runs revisions on the connection that `migrate` hands over, or prints them."""

from __future__ import annotations

from alembic import context

from millrace.stores.sql.tables import metadata

given = context.config.attributes
if context.is_offline_mode():
    context.configure(
        connection=given.get("connection"),
        dialect_name=given.get("dialect"),
        output_buffer=given["output"],
        literal_binds=True,
        target_metadata=metadata,
    )
else:
    context.configure(connection=given["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
