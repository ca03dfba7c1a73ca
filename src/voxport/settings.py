"""Every setting of the gateway, read from `VOXPORT_…` environment variables (or a `.env` file)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AnyHttpUrl, Field, SecretStr, TypeAdapter, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ProviderName = Literal["elevenlabs", "minimax", "local"]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="VOXPORT_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_dir: Path = Field(
        default=Path("data"), description="Folder of the database, the stored files and the signing key."
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL of the database. Default: SQLite, `voxport.db` in the data folder.",
    )
    storage_url: str | None = Field(
        default=None,
        description="Where files are kept: `file:///folder`. Default: `files` in the data folder.",
    )
    public_url: str = Field(
        default="http://127.0.0.1:8000",
        description="The address under which clients reach the gateway; signed URLs are built from it. "
        "`voxport serve` sets it from --host and --port when it is not given.",
    )
    default_provider: ProviderName | None = Field(
        default=None,
        description="The provider of a request that names none. Default: `elevenlabs` where it can be used, "
        "else `local`.",
    )
    bootstrap_key: SecretStr | None = Field(
        default=None,
        description="API key (`vxp_…`) of the first profile, made where the database holds none. "
        "Default: a random one, printed once.",
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="Secret behind signed URLs and hashed API keys, at least 32 characters; the same for all "
        "processes. Default: made at the first start and kept in `secret.key` in the data folder.",
    )
    catalog_file: Path | None = Field(
        default=None, description="Services, prices and limits. Default: the catalog.yaml of the package."
    )
    private_hosts: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(),
        description="Comma-separated hosts (`media.internal` or `media.internal:9000`) that an audioUrl may "
        "name although their address is private.",
    )
    fetch_timeout: float = Field(
        default=60.0, gt=0, description="Seconds until the download of an audioUrl is given up."
    )
    ffmpeg: Path | None = Field(
        default=None, description="The ffmpeg program. Default: the one on PATH, else imageio-ffmpeg's."
    )
    engine_model: Path | None = Field(
        default=None,
        description="A Kokoro-82M v1.0 ONNX file (float32 or int8) for the local engine. "
        "Default: the int8 weights of the installed packages.",
    )
    engine_threads: int = Field(default=2, ge=1, le=64, description="Threads of one local engine process.")
    engine_niceness: int = Field(
        default=10, ge=0, le=19, description="How far the engine steps back behind HTTP (0 to 19)."
    )
    speech_concurrency: int = Field(
        default=16,
        ge=1,
        le=256,
        description="Calls of core-tts and core-instant-clone-tts that run at once in one HTTP process; more "
        "wait up to `speech_queue_seconds`, then get 429.",
    )
    speech_queue_seconds: float = Field(
        default=120.0, gt=0, description="Seconds that a call waits for its turn before it gets 429."
    )
    worker_concurrency: int = Field(
        default=1, ge=1, le=64, description="Clone jobs that one worker runs at once; the same for all workers."
    )
    worker_speech_concurrency: int = Field(
        default=4,
        ge=1,
        le=64,
        description="core-tts jobs that one worker runs at once; they take turns at the engine, piece by piece. "
        "The same for all workers.",
    )
    job_poll_seconds: float = Field(
        default=0.2, gt=0, le=60, description="Seconds between two looks of a worker for new jobs."
    )
    upload_expiry_seconds: int = Field(
        default=86_400, ge=1, le=7 * 86_400, description="How long an upload URL and its public URL are good."
    )
    upload_keep_days: float = Field(
        default=7.0,
        gt=0,
        description="Days after which uploaded files are swept (a voice keeps its own copy).",
    )
    media_url_expiry_seconds: int = Field(
        default=86_400, ge=1, le=7 * 86_400, description="How long the URL of synthesised audio is good."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least severe log line that is written (to standard error, as JSON)."
    )

    @field_validator("data_dir")
    @classmethod
    def _check_data_dir(cls, value: Path) -> Path:
        if "?" in str(value.resolve()):
            raise ValueError("the folder's path holds a `?`, which a database URL can't; choose another folder")
        return value

    @model_validator(mode="after")
    def _check_lifetimes(self) -> Self:
        if self.upload_keep_days * 86_400 < self.upload_expiry_seconds:
            raise ValueError("VOXPORT_UPLOAD_KEEP_DAYS is shorter than VOXPORT_UPLOAD_EXPIRY_SECONDS")
        return self

    @field_validator("private_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        if isinstance(value, str):
            return frozenset(host.strip().lower() for host in value.split(",") if host.strip())
        return value

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str) -> str:
        TypeAdapter(AnyHttpUrl).validate_python(value)
        return value.rstrip("/")

    @field_validator("secret_key")
    @classmethod
    def _check_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("VOXPORT_SECRET_KEY needs at least 32 characters")
        return value

    @property
    def resolved_database_url(self) -> str:
        """The database's URL, as SQLAlchemy takes it."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'voxport.db'}"

    @property
    def resolved_storage_url(self) -> str:
        return self.storage_url or (self.data_dir.resolve() / "files").as_uri()
