"""What this process measures of itself: counters and histograms for Prometheus, and spans for OpenTelemetry.

metrics.py        the instruments of a process, and how each is fed
listener.py       serves them over HTTP in a process without an API, such as a worker
observed_calls.py times every call of an object, such as the storage
"""
