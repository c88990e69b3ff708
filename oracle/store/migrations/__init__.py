"""The database's history, one file a step in `versions`; `oracle.store.schema` runs them, on SQLite and PostgreSQL."""
