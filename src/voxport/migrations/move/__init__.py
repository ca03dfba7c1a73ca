"""Moves a gateway's data from one database to another, between SQLite and Postgres."""
