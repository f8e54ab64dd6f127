"""How does Alembic reach the store? Through the connection of store/migrate.py, in its transaction."""

from alembic import context

from store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
