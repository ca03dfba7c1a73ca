"""Webhooks to the customers' servers, after the Standard Webhooks specification, retried until they are received."""
