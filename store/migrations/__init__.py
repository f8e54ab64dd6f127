"""How did the schema come to be? Alembic's revisions; store/migrate.py runs them."""
