"""Asynchronous jobs: the rows that customers see, and the engine that runs them durably."""
