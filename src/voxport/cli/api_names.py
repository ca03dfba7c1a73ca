"""Words of the API in a gateway's messages, as the command line has them."""

from __future__ import annotations

import re
from typing import Final

OPTIONS: Final = {
    "GET /v1/proxy/core-tts-voices": "`voxport voices`",
    "GET /v1/pronunciations": "`voxport pronunciations`",
    "GET /v2/jobs": "`voxport jobs`",
    "max_tokens_cost": "--max-cost",
    "script_format:": "--script-format",
    "with_front_matter": "--front-matter",
    "send ?with_mixes=true": "add --with-mixes",
    "Send provider:": "Add --provider",
    "The audioUrl": "The URL",
    "The scriptUrl": "The URL",
    "behind audioUrl": "behind the URL",
}
"""What stands in a message, and the option or the command for it."""
_NAMES: Final = re.compile("|".join(map(re.escape, OPTIONS)))


def with_options(message: str) -> str:
    """Return a gateway's message with options and commands in place of the API's fields and calls."""
    return _NAMES.sub(lambda found: OPTIONS[found[0]], message)
