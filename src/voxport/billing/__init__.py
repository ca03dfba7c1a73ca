"""Credits: the ledger, holds and what a call costs."""
