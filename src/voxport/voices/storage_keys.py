"""Where the files of a cloned voice lie in storage."""


def sample_key(voice_id: str) -> str:
    return f"samples/{voice_id}/sample.flac"


def voice_key(remote_name: str, provider: str) -> str:
    """Of what a provider gave for the voice that was made under this name."""
    return f"voices/{remote_name}/{provider}.voice"


def fit_key(voice_id: str) -> str:
    """Where a fit that is under way keeps its state."""
    return f"samples/{voice_id}/fit.state"
