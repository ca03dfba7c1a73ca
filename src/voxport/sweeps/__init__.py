"""Background retries: each item fails alone, is retried with growing pauses, and is shown to the operator."""
