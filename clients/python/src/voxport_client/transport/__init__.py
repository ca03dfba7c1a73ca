"""Sending calls: what to send, when to send it again, and what came back."""
