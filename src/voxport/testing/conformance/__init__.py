"""What every provider has to keep to, as tests: of Voxport's own providers, and of anybody's.

    pytest --pyargs voxport.testing.conformance                     # all that are registered
    pytest --pyargs voxport.testing.conformance --provider local    # one

A provider is registered by an entry point of the group `voxport.conformance`: its name, and a function that opens it,
as a context manager, in a way that costs nothing: a hosted one against its double (`docs/providers.md`).
"""
