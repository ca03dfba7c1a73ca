"""Idempotency-Key: a repeated billed call gets its first response again, and costs nothing."""
