"""Advice on topping up, for customers who have run out of credits."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

ASK_OPERATOR = "Ask the operator of this gateway for more."
_COMMAND = "Add some with `voxport admin credits add {profile_id} 10`, or ask the operator of this gateway."


def top_up_advice(setting: str | None, public_url: str) -> str:
    """Return the operator's sentence, or a default. A gateway with a loopback address usually belongs to its user, who
    is told the command. `{profile_id}` stands for the caller's profile."""
    if setting is not None:
        return setting
    return _COMMAND if _is_loopback(urlsplit(public_url).hostname or "") else ASK_OPERATOR


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
