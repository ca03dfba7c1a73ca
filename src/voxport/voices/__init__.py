"""The voice library: stock voices and a profile's own clones."""
