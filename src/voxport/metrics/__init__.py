"""Prometheus metrics: the requests of this process, and the state that all processes share."""
