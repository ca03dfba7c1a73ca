"""Alembic's entry point. Migrates over the connection that `voxport.migrations.migrate` passes in."""

from alembic import context

from voxport.migrations.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
