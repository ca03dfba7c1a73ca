"""HTTP machinery that no feature owns: request ids, authentication, limits, errors."""
