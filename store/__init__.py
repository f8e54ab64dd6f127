"""All SQL. One schema, two engines, migrations, the single writer with group commit."""
