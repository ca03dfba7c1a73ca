"""Credits: the ledger, holds and prices of calls."""
