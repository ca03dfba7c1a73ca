"""The servers that `benchmarks/speed/gateway.py` starts beside Voxport, each in its own process, and its client."""
