"""Tests that every provider must pass, Voxport's own and third-party ones.

    pytest --pyargs voxport.testing.conformance                     # all registered providers
    pytest --pyargs voxport.testing.conformance --provider local    # one

An entry point of the group `voxport.conformance` registers a provider: its name, and a context manager that opens it
free of charge, a hosted one against its double (`docs/providers.md`).
"""
