"""The catalogue: services, prices, limits and texts, read from one file that an operator can edit."""

from __future__ import annotations

from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

ServiceName = Literal["core-voice-clone", "core-instant-clone-tts", "core-tts", "core-tts-voices", "upload-media"]


def _as_text(value: object) -> object:
    return repr(value) if isinstance(value, float) else value


# An unquoted 0.01 in YAML is a float already; its shortest text is what the operator wrote.
Price = Annotated[Decimal, BeforeValidator(_as_text), Field(ge=0, max_digits=15, decimal_places=6)]


class Service(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    unit_type: Literal["item", "second"]
    unit_price: Price
    description: str


class Limits(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    text_characters: int = Field(ge=1)
    text_characters_async: int = Field(ge=1)
    upload_audio_bytes: int = Field(ge=1)
    upload_video_bytes: int = Field(ge=1)
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
        """Tokens per unit of the service."""
        return self.services[service].unit_price

    def limits_of(self, service: ServiceName) -> dict[str, int]:
        """The limits that a caller of this service meets, by name."""
        limits = self.limits
        text = {"text_characters": limits.text_characters}
        sample = {
            "sample_min_speech_seconds": limits.sample_min_speech_seconds,
            "sample_max_seconds": limits.sample_max_seconds,
        }
        per_service: dict[ServiceName, dict[str, int]] = {
            "core-voice-clone": {**sample},
            "core-instant-clone-tts": {**text, **sample},
            "core-tts": {**text, "text_characters_async": limits.text_characters_async},
            "core-tts-voices": {},
            "upload-media": {
                "upload_audio_bytes": limits.upload_audio_bytes,
                "upload_video_bytes": limits.upload_video_bytes,
            },
        }
        return per_service[service]


class CatalogError(Exception):
    """The catalogue file can't be read; the message says which line or field is wrong."""


def load_catalog(path: Path | None = None) -> Catalog:
    """Read the catalogue from `path`, or the one of the package. Raises CatalogError."""
    try:
        if path is None:
            text = resources.files("voxport").joinpath("catalog.yaml").read_text("utf-8")
        else:
            text = path.read_text("utf-8")
        catalog = Catalog.model_validate(yaml.safe_load(text))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise CatalogError(f"The catalogue {path or 'of the package'} can't be used: {error}") from error
    missing = set(ServiceName.__args__) - set(catalog.services)  # type: ignore[attr-defined]
    if missing:
        raise CatalogError(f"The catalogue {path} lacks: {', '.join(sorted(missing))}")
    return catalog
