"""Database access: the only package that distinguishes SQLite from Postgres."""
