"""Storage on an S3-compatible service, by botocore. Only `storage/config.py` imports it, and only for `s3://` URLs."""
