"""Who did what: a log that is only ever added to, each row of which holds the hash of the one before."""
