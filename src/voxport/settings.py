"""All settings of the gateway, read from `VOXPORT_…` environment variables or a `.env` file."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AnyHttpUrl,
    Field,
    PositiveFloat,
    SecretStr,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from voxport.db.urls import with_driver
from voxport.env_file import ENV_FILE, distrust_of_env_file
from voxport.provider_settings import ProviderSettings, split_names
from voxport.storage.config import StorageConfig
from voxport.storage_settings import StorageSettings

_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::\d{1,5})?")


class Settings(StorageSettings, ProviderSettings):
    model_config = SettingsConfigDict(
        env_prefix="VOXPORT_", env_file=ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # named so by pydantic
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files = () if distrust_of_env_file() else (dotenv_settings,)
        return (init_settings, env_settings, *files, file_secret_settings)

    data_dir: Path = Field(
        default=Path("data"), description="Folder of the database, the stored files and the signing key."
    )
    database_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL of the database. Default: SQLite, `voxport.db` in the data folder.",
    )
    database_pool_size: int = Field(
        default=16,
        ge=1,
        le=500,
        description="Connections to Postgres that one HTTP process opens at most, beside those of docs/operating.md.",
    )
    worker_database_pool_size: int = Field(
        default=8, ge=1, le=500, description="The same of one worker, beside those of docs/operating.md."
    )
    database_pool_timeout: float = Field(
        default=10.0,
        gt=0,
        le=120,
        description="Seconds that a call waits for one of these connections before it gets 503.",
    )
    database_statement_timeout: float = Field(
        default=30.0,
        gt=0,
        le=3600,
        description="Seconds after which Postgres ends a statement of a call or of a worker (503, or a retry). Checks "
        "of the ledger, reports over all profiles and migrations may take longer.",
    )
    public_url: str = Field(
        default="http://127.0.0.1:8000",
        description="The address under which clients reach the gateway, with the path that a proxy may put in front; "
        "signed URLs are built from it. "
        "`voxport serve` sets it from --host and --port when it is not given.",
    )
    tls: bool = Field(
        default=False,
        description="Whether `voxport serve` speaks https, as with --tls: with a certificate that it makes in the data "
        "folder, unless the next two name another one (docs/deploying.md).",
    )
    tls_certificate: Path | None = Field(
        default=None, description="A PEM file with a certificate of one's own and those that vouch for it, for https."
    )
    tls_key: Path | None = Field(default=None, description="A PEM file with its key, without a passphrase.")
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
    admin_key: SecretStr | None = Field(
        default=None,
        description="The operator's key, at least 32 characters: `Authorization: Bearer …` for `/v2/admin/…` and "
        "`GET /metrics`. Without it there are no such paths.",
    )
    keys_per_profile: int = Field(
        default=20,
        ge=1,
        le=1000,
        description="API keys that a profile has at once; one that is being rotated out does not count.",
    )
    key_rotation_hours: float = Field(
        default=24.0, ge=0, le=8760, description="Hours for which a key that was rotated works beside its successor."
    )
    top_up: str | None = Field(
        default=None,
        max_length=500,
        description="A sentence for who has no credits left, such as `Buy more at https://example.com/credits.`; "
        "`{profile_id}` in it is the caller's. Default: to ask the operator, and at a `public_url` of this machine the "
        "command too.",
    )
    require_consent: bool = Field(
        default=False,
        description="Whether a clone or an instant clone needs the field `consent`. What was granted is recorded in "
        "either case.",
    )
    moderation: str | None = Field(
        default=None,
        description="Name of an entry point of the group `voxport.moderation`, which is asked before a text is spoken "
        "(docs/operating.md).",
    )
    moderation_timeout: float = Field(
        default=5.0, gt=0, le=60, description="Seconds after which a text that moderation did not judge is refused."
    )
    recogniser: str | None = Field(
        default=None,
        description="Name of an entry point of the group `voxport.recognisers`, by which each line of a script is "
        "heard before it is accepted: `faster-whisper`, or one of a package of yours (docs/operating.md).",
    )
    recogniser_model: Path | None = Field(
        default=None,
        description="The recogniser's model; for `faster-whisper` the folder of a CTranslate2 model. Nothing is "
        "downloaded.",
    )
    catalog_file: Path | None = Field(
        default=None, description="Services, prices and limits. Default: the catalog.yaml of the package."
    )
    private_hosts: Annotated[frozenset[str], NoDecode] = Field(
        default=frozenset(),
        description="Comma-separated hosts (`media.internal` or `media.internal:9000`) that an audioUrl or a "
        "webhook_url may name although their address is private.",
    )
    fetch_timeout: float = Field(
        default=60.0, gt=0, description="Seconds until the download of an audioUrl is given up."
    )
    ffmpeg: Path | None = Field(
        default=None, description="The ffmpeg program. Default: the one on PATH, else imageio-ffmpeg's."
    )
    speech_concurrency: int = Field(
        default=16,
        ge=1,
        le=256,
        description="Calls of core-tts and core-instant-clone-tts that run at once at each provider, in one HTTP "
        "process; more wait up to `speech_queue_seconds`, then get 429.",
    )
    speech_queue_seconds: float = Field(
        default=120.0, gt=0, description="Seconds that a call waits for its turn before it gets 429."
    )
    worker_concurrency: int = Field(
        default=1,
        ge=1,
        le=64,
        description="Clone jobs that one worker runs at once at each hosted provider, and that all workers on one data "
        "folder together run at once with the local engine; the same for all workers.",
    )
    clone_concurrency: int = Field(
        default=8,
        ge=1,
        le=1024,
        description="Clone jobs that all workers together run at once at each hosted provider; the same for all "
        "workers.",
    )
    worker_speech_concurrency: int = Field(
        default=4,
        ge=1,
        le=64,
        description="core-tts jobs that one worker runs at once at each provider; those of `local` take turns at the "
        "engine, piece by piece. The same for all workers.",
    )
    worker_script_concurrency: int = Field(
        default=2,
        ge=1,
        le=64,
        description="core-tts-batch jobs that one worker runs at once at each provider. The same for all workers.",
    )
    script_lines_at_once: int = Field(
        default=3,
        ge=1,
        le=64,
        description="Lines of one core-tts-batch job that are spoken at once; a provider's own limits hold as well.",
    )
    script_line_keep_days: float = Field(
        default=30.0,
        gt=0,
        description="Days for which the audio of a script's line is kept after its last use, so that a script that is "
        "sent again speaks and charges only the lines that changed. An hour of it has 170 MB.",
    )
    worker_metrics_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port of `GET /metrics` and `GET /healthz` of a worker; each further worker of the same host takes "
        "the next free one. Default: a worker serves none.",
    )
    worker_metrics_host: str = Field(
        default="127.0.0.1",
        description="Address of that port. One that other machines reach needs `admin_key`, which /metrics then asks "
        "for.",
    )
    job_poll_seconds: float = Field(
        default=0.2,
        gt=0,
        le=60,
        description="Seconds between two looks of a busy worker for new jobs. An idle one is woken by a new job.",
    )
    clone_job_seconds: float = Field(
        default=1_800.0,
        gt=0,
        description="Seconds that a clone job may be worked on, counted from its begin and through restarts, without "
        "its wait in the queue. Then it fails with `job_timeout`.",
    )
    speech_job_seconds: float = Field(
        default=21_600.0, gt=0, description="Likewise of a core-tts job (`Prefer: respond-async`)."
    )
    script_job_seconds: float = Field(default=72_000.0, gt=0, description="Likewise of a core-tts-batch job.")
    job_retry_seconds: Annotated[tuple[PositiveFloat, ...], NoDecode] = Field(
        default=(2.0, 10.0, 30.0),
        description="Comma-separated: seconds before each retry of a job whose provider was busy or not there. A "
        "provider that asks for more gets it.",
    )
    job_event_keep_days: float = Field(
        default=7.0,
        gt=0,
        description="Days for which the events of a job that has ended can be asked for with `Last-Event-ID`.",
    )
    event_streams_per_profile: int = Field(
        default=20, ge=1, description="Streams of `/v2/jobs/{id}/events` that a profile has open in one HTTP process."
    )
    webhook_timeout: float = Field(
        default=15.0, gt=0, le=300, description="Seconds that a receiver of a webhook has until it has answered."
    )
    webhook_retry_seconds: Annotated[tuple[PositiveFloat, ...], NoDecode] = Field(
        default=(5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0),
        description="Comma-separated: seconds before each retry of a webhook. After the last one it is given up.",
    )
    webhook_concurrency: int = Field(
        default=8, ge=1, le=64, description="Webhooks that one worker sends at once; a profile gets a quarter of them."
    )
    webhook_keep_days: float = Field(
        default=30.0, gt=0, description="Days for which the log of sent and given up webhooks is kept."
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
    rate_limit_per_second: float = Field(
        default=20.0,
        ge=0,
        description="Calls a second of one API key, at all HTTP processes together. 0 turns the limit off.",
    )
    rate_limit_burst: int = Field(
        default=60, ge=1, description="Calls of one API key that may come at once, before the rate holds."
    )
    rate_limit_strangers_per_minute: int = Field(
        default=30,
        ge=0,
        description="Calls a minute without a good API key from one address (of IPv6: one /64). After that many, only "
        "keys that were good before are looked at from there. 0 turns the limit off.",
    )
    rate_limit_address_per_second: float = Field(
        default=100.0,
        ge=0,
        description="Calls a second of one address, whatever its keys, and three times as many at once. Behind a proxy "
        "that is not in `trusted_proxies` all callers share an address. 0 turns the limit off.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Comma-separated addresses or networks (`10.0.0.0/8`) of the proxies in front, whose "
        "`X-Forwarded-For` and `X-Forwarded-Proto` are believed. Default: nobody's.",
    )
    clones_per_hour: int = Field(
        default=60,
        ge=0,
        description="Voices that a profile may have made in an hour: clones, bindings and instant clones together, "
        "whatever became of them. 0 turns the limit off.",
    )
    clones_per_day: int = Field(default=500, ge=0, description="The same for 24 hours. 0 turns the limit off.")
    max_open_jobs: int = Field(
        default=1_000,
        ge=0,
        description="Jobs of a profile that may be queued or running at once. 0 turns the limit off.",
    )
    max_stored_bytes: int = Field(
        default=50 * 1024**3,
        ge=0,
        description="Bytes of uploads (announced ones too) and of synthesised audio that a profile may keep. 0 turns "
        "the limit off.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Comma-separated origins (`https://app.example.com`) whose pages may call the API from a browser. "
        "Default: none.",
    )
    headers_timeout: float = Field(
        default=15.0, gt=0, description="Seconds in which the whole head of a request must come."
    )
    upload_timeout: float = Field(
        default=6 * 3600.0,
        gt=0,
        description="Seconds in which a whole upload must come; whatever it is, under 1 KiB a second is cut.",
    )
    reader_timeout: float = Field(
        default=300.0, gt=0, description="Seconds after which a client that does not read its answer is cut."
    )
    tidy_seconds: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="Seconds between two rounds in which a worker mends what a kill or a lost answer left: holds, "
        "jobs, voices and files.",
    )
    ledger_check_hours: float = Field(
        default=24.0,
        gt=0,
        le=24 * 365,
        description="Hours between two checks of the ledger by the worker (`voxport admin ledger verify`); problems "
        "are logged as errors and counted in the metrics.",
    )
    otel_endpoint: str | None = Field(
        default=None,
        description="Where traces are sent, by OTLP over HTTP: `http://127.0.0.1:4318`. Needs `voxport[otel]`. "
        "Default: the standard `OTEL_EXPORTER_OTLP_ENDPOINT`, or none.",
    )
    otel_trust_traceparent: bool = Field(
        default=False,
        description="Whether a request's `traceparent` is continued. Only behind a proxy or gateway of yours that sets "
        "it: callers could choose ids and sampling.",
    )
    otel_propagate_to_providers: bool = Field(
        default=False, description="Whether requests to hosted providers carry a `traceparent`."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least severe log line that is written (to standard error, as JSON)."
    )

    @field_validator("database_url")
    @classmethod
    def _name_driver(cls, value: str | None) -> str | None:
        return None if value is None else with_driver(value)

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

    @field_validator("job_retry_seconds", "webhook_retry_seconds", "trusted_proxies", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split_names(value)

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            ipaddress.ip_network(one)  # its ValueError has a readable message
        return value

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if _ORIGIN.fullmatch(one) is None:
                raise ValueError(f"{one!r} is no origin: give scheme, host and port only, and no `*`")
        return value

    @field_validator("otel_endpoint")
    @classmethod
    def _check_otel_endpoint(cls, value: str | None) -> str | None:
        if value is not None:
            TypeAdapter(AnyHttpUrl).validate_python(value)
        return value

    @field_validator("public_url")
    @classmethod
    def _check_public_url(cls, value: str) -> str:
        TypeAdapter(AnyHttpUrl).validate_python(value)
        return value.rstrip("/")

    @field_validator("secret_key", "admin_key")
    @classmethod
    def _check_secret(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError(f"VOXPORT_{str(info.field_name).upper()} needs at least 32 characters")
        return value

    def options_of(self, provider: str) -> dict[str, Any]:
        options = super().options_of(provider)
        # The processes that work on one data folder share one engine.
        return {**options, "shared_in": self.data_dir.resolve() / "engine"} if provider == "local" else options

    @property
    def resolved_database_url(self) -> str:
        """The database's SQLAlchemy URL."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'voxport.db'}"

    @property
    def uses_tls(self) -> bool:
        """Whether `voxport serve` itself speaks https."""
        return self.tls or self.tls_certificate is not None or self.tls_key is not None

    @property
    def uses_own_certificate(self) -> bool:
        """Whether it does so with a certificate that it made, for which browsers warn."""
        return self.tls and self.tls_certificate is None and self.tls_key is None

    @property
    def storage(self) -> StorageConfig:
        """Where files are stored."""
        url = self.storage_url or (self.data_dir.resolve() / "files").as_uri()
        return StorageConfig(url, self.storage_fallback_url, self.s3_options)
