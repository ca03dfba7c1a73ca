"""Settings of the providers: their order, keys and models, and how the local engine runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AnyHttpUrl, Field, SecretStr, TypeAdapter, field_validator
from pydantic_settings import BaseSettings, NoDecode

from voxport.providers.names import BUILT_IN, ProviderName, provider_names


class ProviderSettings(BaseSettings):
    """A part of `Settings`."""

    default_provider: ProviderName | None = Field(
        default=None,
        description="The provider of a request that names none. Default: `elevenlabs` where it can be used, "
        "else `local`.",
    )
    provider_order: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Comma-separated names: the order in which a request with `provider: auto` tries the providers. "
        "Default: `elevenlabs,minimax,local`, then the others that are installed.",
    )
    elevenlabs_api_key: SecretStr | None = Field(
        default=None, description="Key of an account at ElevenLabs. Without it the provider can't be used."
    )
    elevenlabs_base_url: str = Field(
        default="https://api.elevenlabs.io",
        description="Where ElevenLabs is asked, such as `https://api.eu.residency.elevenlabs.io`.",
    )
    elevenlabs_max_concurrency: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Calls that all processes together make at once at ElevenLabs, where that is to be less than the "
        "account allows. Default: what the account reports, else what it turns out to take.",
    )
    elevenlabs_model: str = Field(
        default="eleven_multilingual_v2", description="The model that speaks at ElevenLabs; the account has to have it."
    )
    minimax_api_key: SecretStr | None = Field(
        default=None, description="Key of an account at MiniMax. Without it the provider can't be used."
    )
    minimax_base_url: str = Field(
        default="https://api.minimax.io",
        description="Where MiniMax is asked: the host of the key's own region, such as `https://api.minimaxi.com`.",
    )
    minimax_max_concurrency: int | None = Field(
        default=None, ge=1, le=10_000, description="The same for MiniMax, which reports nothing."
    )
    minimax_model: str = Field(default="speech-2.6-hd", description="The model that speaks at MiniMax.")
    minimax_group_id: str | None = Field(
        default=None, description="The `GroupId` that some older accounts at MiniMax need."
    )
    unknown_outcome_minutes: float = Field(
        default=15.0,
        ge=0,
        description="Minutes after which the hold of a call whose outcome at a hosted provider is not known is given "
        "back to the customer. `voxport admin intents list` shows what was lost.",
    )
    voice_keep_alive_days: float = Field(
        default=90.0,
        ge=0,
        description="Days for which a cloned voice that nobody speaks with is kept alive at a provider that deletes "
        "unused ones; later it is made again from its sample, when it is spoken with.",
    )
    engine_model: Path | None = Field(
        default=None,
        description="A Kokoro-82M v1.0 ONNX file (float32 or int8) for the local engine. "
        "Default: the int8 weights of the installed packages.",
    )
    engine_threads: int = Field(
        default=2,
        ge=1,
        le=64,
        description="Threads of the local engine's process, which all processes of a gateway share.",
    )
    engine_niceness: int = Field(
        default=0,
        ge=0,
        le=19,
        description="Added to the engine's nice value. HTTP does not need it, and beside other programs that compute "
        "a clone takes many times as long with it.",
    )
    fit_steps: int = Field(
        default=12,
        ge=1,
        le=100,
        description="Steps of the local engine's fit of a persistent clone: most of its time. "
        "Fewer are quicker, and less like the speaker; docs/engine.md has the likeness over the steps.",
    )

    @field_validator("provider_order", mode="before")
    @classmethod
    def _split_order(cls, value: object) -> object:
        return split_names(value)

    @field_validator("provider_order")
    @classmethod
    def _check_order(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(value) - set(provider_names()))
        if unknown or len(set(value)) < len(value):
            what = f"there is no provider {unknown[0]!r}" if unknown else "a name stands there twice"
            raise ValueError(f"{what}; the providers are: {', '.join(provider_names())}")
        return value

    @field_validator("elevenlabs_base_url", "minimax_base_url")
    @classmethod
    def _check_base_url(cls, value: str) -> str:
        url = TypeAdapter(AnyHttpUrl).validate_python(value)
        if url.username or url.password or url.query or url.fragment:
            raise ValueError("give scheme, host and path only: the key has a setting of its own")
        return value.rstrip("/")

    def options_of(self, provider: str) -> dict[str, Any]:
        """Return a provider's settings, by name without prefix. Those of a third-party provider come from the
        environment."""
        if provider == "local":
            return {
                "threads": self.engine_threads,
                "niceness": self.engine_niceness,
                "fit_steps": self.fit_steps,
                "model": self.engine_model,
                "loads_at_start": self._prefers_local(),
            }
        prefix = f"{provider.replace('-', '_')}_"
        if provider not in BUILT_IN:
            start = f"VOXPORT_{prefix.upper()}"
            # Excludes the gateway's own settings and those of providers whose name starts with this one's.
            others = tuple(f"{_variable(name)}_" for name in provider_names() if _variable(name).startswith(start))
            own = {f"VOXPORT_{name.upper()}" for name in type(self).model_fields}
            return {
                name.removeprefix(start).lower(): value
                for name, value in os.environ.items()
                if name.startswith(start) and not name.startswith(others) and name not in own
            }
        values = {name: getattr(self, name) for name in type(self).model_fields if name.startswith(prefix)}
        return {
            name.removeprefix(prefix): value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in values.items()
        }

    def _prefers_local(self) -> bool:
        """Whether the local engine is the gateway's main provider, and should be ready before the first call."""
        if self.default_provider is not None:
            return self.default_provider == "local"
        return self.elevenlabs_api_key is None and self.minimax_api_key is None


def split_names(value: object) -> object:
    """Split a comma-separated text into a tuple; returns any other value unchanged."""
    if isinstance(value, str):
        return tuple(name.strip() for name in value.split(",") if name.strip())
    return value


def _variable(provider: str) -> str:
    return f"VOXPORT_{provider.replace('-', '_').upper()}"
