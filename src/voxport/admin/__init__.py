"""The operator's side over HTTP, and what is stored for whom."""
