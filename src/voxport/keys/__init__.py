"""A customer's own API keys over HTTP; `accounts` has the work."""
