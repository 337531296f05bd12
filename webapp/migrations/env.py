"""Run by Alembic for every command; the connection comes from `webapp.records.upgrade`."""

from alembic import context

from webapp.records.tables import METADATA

# SQLite's own DDL is transactional once the driver is kept from meddling, which `records.session` does.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
