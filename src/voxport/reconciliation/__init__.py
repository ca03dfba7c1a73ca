"""The proof that money and work agree."""
