"""Loads the catalogue of services, prices, limits and descriptions from a file that the operator can edit."""

from __future__ import annotations

from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

_PACKAGED: Final[dict[str, Any]] = yaml.safe_load(
    resources.files("voxport").joinpath("catalog.yaml").read_text("utf-8")
)
if TYPE_CHECKING:  # a type checker can't read the file
    ServiceName = str
    JobServiceName = str
else:
    ServiceName = Literal[tuple(_PACKAGED["services"])]
    # Scripts are billed as core-tts (docs/decisions/0117).
    JobServiceName = Literal[(*_PACKAGED["services"], "core-tts-batch")]
LimitName = Literal[
    "text_characters",
    "text_characters_async",
    "upload_audio_bytes",
    "upload_video_bytes",
    "upload_document_bytes",
    "sample_min_speech_seconds",
    "sample_max_seconds",
]


def _as_text(value: object) -> object:
    return repr(value) if isinstance(value, float) else value


# YAML parses an unquoted 0.01 as a float; its shortest repr is the number that the operator wrote.
Price = Annotated[Decimal, BeforeValidator(_as_text), Field(ge=0, max_digits=15, decimal_places=6)]


class Service(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    unit_type: Literal["item", "second"]
    unit_price: Price
    description: str
    limits: tuple[LimitName, ...] | None = None
    """Names of the limits that apply to a caller. None if the operator's file omits them: the packaged ones apply."""


class Limits(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    text_characters: int = Field(ge=1)
    text_characters_async: int = Field(ge=1)
    upload_audio_bytes: int = Field(ge=1)
    upload_video_bytes: int = Field(ge=1)
    upload_document_bytes: int = Field(default=100 * 1024**2, ge=1)  # files of operators may be older than this limit
    sample_min_speech_seconds: int = Field(ge=1)
    sample_max_seconds: int = Field(ge=1)
    json_body_bytes: int = Field(ge=1024)
    hold_seconds_per_letter: Price
    hold_seconds_per_sign: Price


class Catalog(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    services: dict[ServiceName, Service]
    limits: Limits

    def price(self, service: ServiceName) -> Decimal:
        """Return the service's price in tokens per unit."""
        return self.services[service].unit_price

    def limits_of(self, service: ServiceName) -> dict[str, int]:
        """Return the limits that apply to a caller of this service, by name."""
        names = self.services[service].limits
        if names is None:
            names = _PACKAGED["services"][service]["limits"]
        return {name: getattr(self.limits, name) for name in names}


class CatalogError(Exception):
    """The catalogue file can't be used; the message says which line or field is wrong."""


def load_catalog(path: Path | None = None) -> Catalog:
    """Load the catalogue from `path`, by default the packaged one. Raises CatalogError."""
    try:
        catalog = Catalog.model_validate(_PACKAGED if path is None else yaml.safe_load(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise CatalogError(f"The catalogue {path or 'of the package'} can't be used: {error}") from error
    missing = set(_PACKAGED["services"]) - set(catalog.services)
    if missing:
        raise CatalogError(f"The catalogue {path} lacks: {', '.join(sorted(missing))}")
    return catalog
