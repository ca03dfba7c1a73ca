"""An append-only audit log, in which each row contains the hash of the previous one."""
