"""The `voxport` command."""
