"""The proof that the money and the work agree, over all rooms, and its daily check."""
