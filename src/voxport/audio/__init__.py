"""Sound without a model of speech: measuring, cleaning, and what speaks in it."""
