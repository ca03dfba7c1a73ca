"""Webhooks by the Standard Webhooks rules: what the customer's own server is told, until it says that it heard."""
