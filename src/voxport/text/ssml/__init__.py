"""SSML: the subset that is honoured. Any other tag, attribute or value is refused with its position."""
