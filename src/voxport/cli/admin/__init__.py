"""`voxport admin`: the operator's commands, which work on the data folder and its database."""
