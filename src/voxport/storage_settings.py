"""Settings of the file storage, and of what is answered from it."""

from __future__ import annotations

from typing import Self

from pydantic import AnyHttpUrl, Field, SecretStr, TypeAdapter, field_validator, model_validator
from pydantic_settings import BaseSettings

from voxport.storage.config import AddressingStyle, S3Options


class StorageSettings(BaseSettings):
    """A part of `Settings`."""

    storage_url: str | None = Field(
        default=None,
        description="Where files are kept: `file:///folder`, or `s3://bucket/prefix` with `voxport[s3]` "
        "(docs/storage.md). Default: `files` in the data folder.",
    )
    storage_fallback_url: str | None = Field(
        default=None,
        description="While files are moved to `storage_url`: the storage that they come from. Files are read and "
        "deleted in both (`voxport admin storage move --help`).",
    )
    s3_endpoint_url: str | None = Field(
        default=None, description="Address of the S3-compatible service. Default: that of AWS in the region."
    )
    s3_public_endpoint_url: str | None = Field(
        default=None,
        description="The service's address for clients, in upload and audio URLs, where the gateway uses another one. "
        "Default: `s3_endpoint_url`.",
    )
    s3_region: str | None = Field(
        default=None, description="Region of the bucket. Default: by the usual AWS chain, else `us-east-1`."
    )
    s3_addressing_style: AddressingStyle | None = Field(
        default=None,
        description="`path`: https://host/bucket/key; `virtual`: https://bucket.host/key. Default: `path` where "
        "`s3_endpoint_url` is given, else `virtual`.",
    )
    s3_access_key_id: str | None = Field(
        default=None,
        description="Id of the access key. Default: by the usual AWS chain (`AWS_…` variables, profile, role of the "
        "machine).",
    )
    s3_secret_access_key: SecretStr | None = Field(default=None, description="Its secret.")
    s3_timeout: float = Field(
        default=10.0,
        gt=0,
        le=300,
        description="Seconds without an answer after which a request to the service is repeated, twice at most.",
    )

    speech_cache: bool = Field(
        default=False,
        description="Whether a call of core-tts that is identical to an earlier one of its profile is answered with "
        "the earlier one's file, at no cost (docs/money.md). The same for all HTTP processes.",
    )
    speech_cache_days: float = Field(
        default=30.0,
        gt=0,
        le=3650,
        description="Days for which such a file answers, from the call that made it. The file itself stays longer.",
    )

    @field_validator("s3_endpoint_url", "s3_public_endpoint_url")
    @classmethod
    def _check_endpoint(cls, value: str | None) -> str | None:
        if value is None:
            return None
        TypeAdapter(AnyHttpUrl).validate_python(value)
        return value.rstrip("/")

    @model_validator(mode="after")
    def _check_s3_keys(self) -> Self:
        if (self.s3_access_key_id is None) != (self.s3_secret_access_key is None):
            raise ValueError("VOXPORT_S3_ACCESS_KEY_ID and VOXPORT_S3_SECRET_ACCESS_KEY need each other: set both")
        return self

    @property
    def s3_options(self) -> S3Options:
        secret = self.s3_secret_access_key
        return S3Options(
            endpoint_url=self.s3_endpoint_url,
            public_endpoint_url=self.s3_public_endpoint_url,
            region=self.s3_region,
            addressing_style=self.s3_addressing_style,
            access_key_id=self.s3_access_key_id,
            secret_access_key=None if secret is None else secret.get_secret_value(),
            timeout=self.s3_timeout,
        )
