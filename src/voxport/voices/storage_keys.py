"""Storage keys of the files of a cloned voice."""


def sample_key(voice_id: str) -> str:
    return f"samples/{voice_id}/sample.flac"


def voice_key(remote_name: str, provider: str) -> str:
    """The file that a provider returned for the voice with this remote name."""
    return f"voices/{remote_name}/{provider}.voice"


def fit_key(voice_id: str) -> str:
    """The saved state of a fit that is under way."""
    return f"samples/{voice_id}/fit.state"
