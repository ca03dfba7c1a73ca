"""Downloads from URLs of strangers."""
