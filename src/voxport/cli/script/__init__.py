"""`voxport script`: whole scripts with a cast, and audiobooks."""
