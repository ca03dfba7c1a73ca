"""Runs the engine in a child process: its client, its protocol and the child's program."""
