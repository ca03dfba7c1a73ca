"""The whole gateway against the doubles of the hosted providers."""
