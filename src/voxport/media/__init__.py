"""Audio files of the API: uploads, stored speech, and signed URLs."""
