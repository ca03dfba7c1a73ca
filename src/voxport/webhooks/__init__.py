"""Webhooks to the customers' servers, by the Standard Webhooks specification, with retries and a log."""
