"""Detects the local engine's watermark in recordings."""
