"""What is retried in the background: each item for itself, with growing pauses, and shown to the operator."""
