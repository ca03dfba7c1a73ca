"""The network that speaks."""
