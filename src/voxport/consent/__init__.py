"""What a caller says of the speaker's consent, and the record of it."""
