"""Readers of scripts: one module for each spelling. `read.py` chooses one."""
