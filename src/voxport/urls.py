"""URLs as messages show them."""

from __future__ import annotations

import re

_SECRETS = re.compile(r"(?<=//).*(?=@)|(?<=[?#]).+", re.DOTALL)


def without_secrets(url: str) -> str:
    """Replace user, password and query of a URL by `***`, also in one that can't be parsed: a secret may hold any
    character, a slash too."""
    return _SECRETS.sub("***", url)
