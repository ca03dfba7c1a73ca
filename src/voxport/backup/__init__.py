"""Backups: database, files and secret as of one moment, taken while the gateway serves."""
