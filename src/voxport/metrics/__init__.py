"""What Prometheus reads: the requests of this process, and the state that all processes share."""
