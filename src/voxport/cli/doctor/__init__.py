"""`voxport doctor`: checks the set-up, and says what to do."""
