"""Delayed work: the rows that a customer sees, and the engine that runs them durably."""
