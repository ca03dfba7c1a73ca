"""Cloning: the persistent voice as a job, and the instant clone."""
