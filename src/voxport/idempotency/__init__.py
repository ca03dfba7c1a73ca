"""Idempotency-Key: a billed call that is sent again gives its first answer again, and costs nothing."""
