"""Voice cloning: persistent voices as jobs, and instant clones."""
