"""What the gateway answers, as frozen dataclasses."""
