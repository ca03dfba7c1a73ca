"""Whether a recording carries the mark of the local engine."""
