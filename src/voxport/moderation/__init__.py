"""Moderation: the operator's own check of texts before they are spoken."""
