"""The database: the only room that knows whether it is SQLite or Postgres."""
