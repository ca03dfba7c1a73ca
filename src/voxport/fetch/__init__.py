"""Downloads from untrusted URLs."""
