"""HTTP infrastructure that all features share: request ids, limits, errors."""
