"""Builds all services into one Gateway object, for the HTTP application, the worker and the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.exc import DBAPIError

from voxport.accounts.service import Accounts
from voxport.audio.codec.ffmpeg import find_ffmpeg
from voxport.audit.service import Audit
from voxport.billing.adjustments import Adjustments
from voxport.billing.advice import top_up_advice
from voxport.billing.clone_quota import CloneLimits
from voxport.billing.held_calls import HeldCalls
from voxport.billing.service import Billing
from voxport.catalog import Catalog, CatalogError, load_catalog
from voxport.clock import now
from voxport.cloning.consent import Consents
from voxport.cloning.handler import CloneHandler
from voxport.cloning.instant import InstantCloning
from voxport.cloning.sample_check import SampleChecks
from voxport.cloning.service import Cloning
from voxport.coordination.states import open_states
from voxport.db.lease import Leases
from voxport.db.session import Database
from voxport.erasure.service import Erasure
from voxport.fetch.client import FetchPolicy
from voxport.idempotency.service import Idempotency
from voxport.jobs.dbos_queue import DbosQueue, migrate_jobs
from voxport.jobs.handler import JobHandler
from voxport.jobs.runner import JobRunner
from voxport.jobs.service import Jobs
from voxport.media.service import MediaService
from voxport.media.signing import UrlSigner
from voxport.migrations.migrate import migrate
from voxport.moderation.service import Moderation, open_moderation
from voxport.pronunciations.service import Pronunciations
from voxport.provider_calls.service import ProviderCalls
from voxport.providers.base import Provider, ProviderConfig
from voxport.providers.local import LocalProvider
from voxport.providers.local import open_provider as open_local
from voxport.providers.names import installed_providers
from voxport.providers.registry import Registry, open_provider
from voxport.providers.shared_slots import SharedSlots
from voxport.providers.slots import SlotPools
from voxport.reconciliation.service import Reconciliation
from voxport.samples.loader import SampleLoader
from voxport.scripts.digests import LineDigests
from voxport.scripts.handler import ScriptHandler
from voxport.scripts.line_judge import LineJudge
from voxport.scripts.preparation import ScriptPreparation
from voxport.scripts.recogniser import open_recogniser
from voxport.scripts.service import ScriptService
from voxport.scripts.source import ScriptSource
from voxport.secret import Secret, load_secret
from voxport.settings import Settings
from voxport.speech.cached_answers import CachedAnswers
from voxport.speech.codes import nearest_code
from voxport.speech.handler import SpeechHandler
from voxport.speech.preparation import Preparation
from voxport.speech.service import SERVICE as SPEECH
from voxport.speech.service import SpeechService
from voxport.speech_cache.service import SpeechCache
from voxport.spoken_lines.service import SpokenLines
from voxport.storage.base import Storage, StorageError
from voxport.storage.config import open_storage
from voxport.storage.observed import observed_storage
from voxport.sweeps.service import Sweeps
from voxport.text.languages import LANGUAGES
from voxport.voices.mixing import VoiceMixing
from voxport.voices.provisioning import VoiceProvisioning
from voxport.voices.service import VoiceService
from voxport.watermark.service import Watermarks
from voxport.webhooks.alerts import BalanceAlerts
from voxport.webhooks.secrets import SigningSecrets
from voxport.webhooks.sender import WebhookSender
from voxport.webhooks.service import Webhooks


@dataclass(frozen=True)
class Gateway:
    settings: Settings
    catalog: Catalog
    database: Database
    leases: Leases
    storage: Storage
    signer: UrlSigner
    queue: DbosQueue
    accounts: Accounts
    webhooks: Webhooks
    signing_secrets: SigningSecrets
    alerts: BalanceAlerts
    billing: Billing
    held_calls: HeldCalls
    media: MediaService
    local: LocalProvider
    providers: Registry
    slots: SharedSlots
    samples: SampleLoader
    voices: VoiceService
    mixing: VoiceMixing
    provisioning: VoiceProvisioning
    provider_calls: ProviderCalls
    idempotency: Idempotency
    reconciliation: Reconciliation
    jobs: Jobs
    cloning: Cloning
    instant: InstantCloning
    sample_checks: SampleChecks
    speech: SpeechService
    speech_cache: SpeechCache
    pronunciations: Pronunciations
    scripts: ScriptService
    script_source: ScriptSource
    spoken_lines: SpokenLines
    watermarks: Watermarks
    webhook_sender: WebhookSender
    audit: Audit
    adjustments: Adjustments
    consents: Consents
    moderation: Moderation
    erasure: Erasure
    sweeps: Sweeps
    handlers: list[JobHandler]

    def close(self) -> None:
        self.providers.close()
        self.slots.close()
        self.moderation.close()
        self.queue.close()
        self.leases.close()
        self.database.close()


def open_gateway(
    settings: Settings,
    *,
    providers: Sequence[Provider] = (),
    samples: type[SampleLoader] = SampleLoader,
    fetch_policy: FetchPolicy | None = None,
    clock: Callable[[], datetime] = now,
) -> Gateway:
    """Open the database and storage, migrate the tables, and build the services. Nothing is started: the engine's
    process starts with `providers.start()` or the first call. The options are for tests: `providers` replace installed
    ones of the same name, `samples` loads and checks recordings, `clock` is used for voices, provider calls and
    webhooks. Raises ConfigError."""
    try:
        return _open(settings, providers, samples, fetch_policy, clock)
    except (CatalogError, StorageError) as error:
        raise ConfigError(str(error)) from error
    except DBAPIError as error:
        raise ConfigError(f"The database can't be opened: {error.orig}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"The gateway can't be opened with these settings: {error}") from error


class ConfigError(Exception):
    """The settings, or what they refer to, can't be used. The message is for the operator."""


def _open(
    settings: Settings,
    given: Sequence[Provider],
    samples_type: type[SampleLoader],
    fetch_policy: FetchPolicy | None,
    clock: Callable[[], datetime],
) -> Gateway:
    catalog = load_catalog(settings.catalog_file)
    # The folder holds recordings, texts and the secret: no other user of the machine may read it.
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    secret = load_secret(settings)
    storage = observed_storage(open_storage(settings.storage))
    database = Database(
        settings.resolved_database_url,
        pool_size=settings.database_pool_size,
        pool_timeout=settings.database_pool_timeout,
        statement_timeout=settings.database_statement_timeout,
    )
    migrate(database)
    migrate_jobs(database)
    signer = UrlSigner(secret, settings.public_url)
    ffmpeg = find_ffmpeg(settings.ffmpeg)
    moderation = open_moderation(settings.moderation, timeout=settings.moderation_timeout)

    slots = SharedSlots(open_states(database.url))
    local = open_local(_provider_config("local", settings, catalog, secret, slots))
    opened: dict[str, Provider] = {provider.name: provider for provider in (local, *given)}
    installed = {
        name: opened.get(name)
        or open_provider(name, entry_point, _provider_config(name, settings, catalog, secret, slots))
        for name, entry_point in installed_providers().items()
    }
    providers = Registry(list((installed | opened).values()), settings.default_provider, settings.provider_order)

    queue = DbosQueue(database, lambda name: providers.get(name).capabilities().is_hosted)
    accounts = Accounts(database, secret, settings)
    leases = Leases(database.url)
    webhook_policy = fetch_policy or FetchPolicy(
        max_bytes=0, timeout_seconds=settings.webhook_timeout, private_hosts=settings.private_hosts
    )
    webhooks = Webhooks(
        database,
        webhook_policy,
        retry_delays=settings.webhook_retry_seconds,
        retention=timedelta(days=settings.webhook_keep_days),
        clock=clock,
    )
    signing_secrets = SigningSecrets(database, secret, clock=clock)
    alerts = BalanceAlerts(database, webhooks, clock=clock)
    clone_limits = CloneLimits(settings.clones_per_hour, settings.clones_per_day)
    billing = Billing(database, catalog, alerts, clone_limits, top_up_advice(settings.top_up, settings.public_url))
    calls = HeldCalls(database, billing, leases)
    media = MediaService(settings, catalog, database, storage, signer)
    samples = samples_type(settings, catalog, storage, media, signer, ffmpeg, local.embed_each, fetch_policy)
    jobs = Jobs(
        database,
        billing,
        queue,
        webhooks,
        max_open=settings.max_open_jobs,
        event_retention=timedelta(days=settings.job_event_keep_days),
    )
    provider_calls = ProviderCalls(
        database,
        billing,
        calls,
        jobs,
        providers,
        release_after=timedelta(minutes=settings.unknown_outcome_minutes),
        clock=clock,
    )
    voices = VoiceService(database, storage, providers, clock=clock)
    provisioning = VoiceProvisioning(
        database,
        voices,
        samples,
        provider_calls,
        providers,
        leases,
        keep_alive=timedelta(days=settings.voice_keep_alive_days),
        clock=clock,
    )
    spoken_lines = SpokenLines(database, storage, lifetime=timedelta(days=settings.script_line_keep_days))
    consents = Consents(database, is_required=settings.require_consent)
    handlers: list[JobHandler] = [
        CloneHandler(settings, jobs, samples, storage, providers, voices, provisioning, provider_calls),
        SpeechHandler(settings, jobs, voices, provisioning, provider_calls, providers, media, storage, ffmpeg),
        ScriptHandler(
            settings,
            database,
            billing,
            jobs,
            voices,
            provisioning,
            provider_calls,
            providers,
            media,
            storage,
            spoken_lines,
            LineJudge(open_recogniser(settings.recogniser, model=settings.recogniser_model)),
            ffmpeg,
        ),
    ]
    for handler in handlers:
        queue.declare(handler.service, handler.queue)
    speech_cache = SpeechCache(database, lifetime=timedelta(days=settings.speech_cache_days), clock=clock)
    answers = CachedAnswers(database, speech_cache, billing, media, storage, settings.options_of, service=SPEECH)
    languages = partial(nearest_code, supported=LANGUAGES)
    pronunciations = Pronunciations(database, languages, clock=clock)
    scripts = ScriptService(
        database,
        ScriptPreparation(
            catalog,
            Preparation(catalog, voices, providers, pronunciations),
            voices,
            pronunciations,
            LineDigests(settings.options_of),
        ),
        spoken_lines,
        billing,
        jobs,
        media,
        moderation,
    )
    script_source = ScriptSource(
        samples,
        storage,
        fetch_policy
        or FetchPolicy(max_bytes=0, timeout_seconds=settings.fetch_timeout, private_hosts=settings.private_hosts),
    )
    idempotency = Idempotency(database, billing, media, storage, provider_calls.release_dead_owners, clock=clock)
    return Gateway(
        settings=settings,
        catalog=catalog,
        database=database,
        leases=leases,
        storage=storage,
        signer=signer,
        queue=queue,
        accounts=accounts,
        webhooks=webhooks,
        signing_secrets=signing_secrets,
        alerts=alerts,
        billing=billing,
        held_calls=calls,
        media=media,
        local=local,
        providers=providers,
        slots=slots,
        samples=samples,
        voices=voices,
        mixing=VoiceMixing(database, storage, providers, voices, billing, languages, clock=clock),
        provisioning=provisioning,
        provider_calls=provider_calls,
        idempotency=idempotency,
        reconciliation=Reconciliation(database, leases, interval=timedelta(hours=settings.ledger_check_hours)),
        jobs=jobs,
        cloning=Cloning(billing, jobs, samples, providers, voices, consents),
        instant=InstantCloning(
            catalog, calls, samples, providers, voices, provisioning, provider_calls, consents, moderation
        ),
        sample_checks=SampleChecks(samples),
        speech=SpeechService(
            catalog,
            billing,
            calls,
            jobs,
            voices,
            provisioning,
            provider_calls,
            providers,
            media,
            storage,
            ffmpeg,
            moderation,
            pronunciations,
            answers if settings.speech_cache else None,
        ),
        speech_cache=speech_cache,
        pronunciations=pronunciations,
        scripts=scripts,
        script_source=script_source,
        spoken_lines=spoken_lines,
        watermarks=Watermarks(samples),
        webhook_sender=WebhookSender(
            webhooks,
            signing_secrets,
            jobs,
            media.read_urls,
            webhook_policy,
            max_concurrency=settings.webhook_concurrency,
        ),
        audit=Audit(database),
        adjustments=Adjustments(billing),
        consents=consents,
        moderation=moderation,
        erasure=Erasure(
            database,
            accounts,
            billing,
            jobs,
            JobRunner(jobs, handlers),
            provider_calls,
            voices,
            media,
            other_steps=[
                consents.redact,
                idempotency.erase,
                webhooks.erase,
                pronunciations.erase,
                scripts.erase,
                spoken_lines.erase,
            ],
        ),
        sweeps=Sweeps(database, clock=clock),
        handlers=handlers,
    )


def _provider_config(
    name: str, settings: Settings, catalog: Catalog, secret: Secret, slots: SlotPools
) -> ProviderConfig:
    return ProviderConfig(
        # Derived from the secret, so that another gateway in a shared account leaves our voices alone.
        tag=secret.key_for("voices at providers").hex()[:12],
        max_text_length=catalog.limits.text_characters,
        sample_min_seconds=catalog.limits.sample_min_speech_seconds,
        sample_max_seconds=catalog.limits.sample_max_seconds,
        options=settings.options_of(name),
        slots=slots,
    )
