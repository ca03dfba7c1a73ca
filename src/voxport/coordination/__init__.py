"""What the processes of one gateway share while they run: small documents, and tokens of rate limits."""
