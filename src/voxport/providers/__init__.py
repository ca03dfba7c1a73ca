"""Who does the work: the protocol, the registry, and the built-in providers."""
