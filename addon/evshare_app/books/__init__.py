"""The books: engine, schema, migrations."""
