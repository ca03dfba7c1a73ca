"""Checks that the ledger and the jobs agree."""
