"""Lists the installed providers, built-in and third-party, by their entry points."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Final

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

ENTRY_POINT_GROUP: Final = "voxport.providers"
BUILT_IN: Final = ("elevenlabs", "minimax", "local")
AUTO: Final = "auto"
"""A request's choice of the first provider, in the operator's order, that can do it."""


@cache
def installed_providers() -> dict[str, EntryPoint]:
    """Return the entry point of each provider, built-in ones first, without importing any. Third-party providers that
    use the name of a built-in one, or `auto`, are ignored."""
    own, others = {}, {}
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
        if point.value.startswith("voxport.providers.") and point.name in BUILT_IN:
            own[point.name] = point
        elif point.name not in (*BUILT_IN, AUTO):
            others[point.name] = point
    return {**{name: own[name] for name in BUILT_IN if name in own}, **others}


def provider_names() -> tuple[str, ...]:
    return tuple(installed_providers())


def _require_known(name: str) -> str:
    if name not in provider_names():
        raise PydanticCustomError(
            "unknown_provider", "there is no such provider; there are: {there}", {"there": ", ".join(provider_names())}
        )
    return name


def _require_known_or_auto(name: str) -> str:
    return name if name == AUTO else _require_known(name)


ProviderName = Annotated[
    str, AfterValidator(_require_known), WithJsonSchema({"type": "string", "enum": list(provider_names())})
]
ProviderChoice = Annotated[
    str, AfterValidator(_require_known_or_auto), WithJsonSchema({"type": "string", "enum": [*provider_names(), AUTO]})
]
