"""Joins the parts: one object with every service, for the HTTP application, the worker and the command line."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError

from voxport.accounts.service import Accounts
from voxport.billing.calls import Calls
from voxport.billing.service import Billing
from voxport.catalog import Catalog, CatalogError, load_catalog
from voxport.cloning.handler import CloneHandler
from voxport.cloning.instant import InstantCloning
from voxport.cloning.service import Cloning
from voxport.db.lease import Leases
from voxport.db.migrate import migrate
from voxport.db.session import Database
from voxport.engine import EngineProcess
from voxport.jobs.dbos_queue import DbosQueue, migrate_jobs
from voxport.jobs.port import JobHandler
from voxport.jobs.service import Jobs
from voxport.media.ffmpeg import find_ffmpeg
from voxport.media.safefetch import FetchPolicy
from voxport.media.samples import Samples
from voxport.media.service import MediaService
from voxport.media.signing import UrlSigner
from voxport.media.storage import LocalStorage, StorageError, open_storage
from voxport.providers.local import LocalProvider
from voxport.providers.registry import Registry
from voxport.providers.remote import elevenlabs, minimax
from voxport.secret import load_secret
from voxport.settings import Settings
from voxport.speech.handler import SpeechHandler
from voxport.speech.service import Speech
from voxport.voices.service import Voices
from voxport.watermark.service import Watermarks

_FIT_STEPS_BACK = 5  # a fit, for which nobody waits, behind speech, for which somebody does


@dataclass(frozen=True)
class Gateway:
    settings: Settings
    catalog: Catalog
    database: Database
    storage: LocalStorage
    signer: UrlSigner
    queue: DbosQueue
    accounts: Accounts
    billing: Billing
    calls: Calls
    media: MediaService
    local: LocalProvider
    providers: Registry
    voices: Voices
    jobs: Jobs
    cloning: Cloning
    instant: InstantCloning
    speech: Speech
    watermarks: Watermarks
    handlers: list[JobHandler]

    def close(self) -> None:
        self.providers.close()
        self.queue.close()
        self.database.close()


def open_gateway(settings: Settings, *, fetch_policy: FetchPolicy | None = None) -> Gateway:
    """Open database and storage, bring the tables up to date, and build the services. Nothing is started: the
    engine's process begins with `providers.start()` or the first call. `fetch_policy` is for tests that bring their
    own resolver. Raises ConfigError."""
    try:
        return _open(settings, fetch_policy)
    except (CatalogError, StorageError) as error:
        raise ConfigError(str(error)) from error
    except DBAPIError as error:
        raise ConfigError(f"The database can't be opened: {error.orig}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"The gateway can't be opened with these settings: {error}") from error


class ConfigError(Exception):
    """The settings, or what they name, can't be used; a sentence for the operator."""


def _open(settings: Settings, fetch_policy: FetchPolicy | None) -> Gateway:
    catalog = load_catalog(settings.catalog_file)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    secret = load_secret(settings)
    storage = open_storage(settings.resolved_storage_url)
    database = Database(settings.resolved_database_url)
    migrate(database)
    migrate_jobs(database)
    signer = UrlSigner(secret, settings.public_url)
    queue = DbosQueue(database)
    ffmpeg = find_ffmpeg(settings.ffmpeg)

    def engine(niceness: int) -> EngineProcess:
        return EngineProcess(threads=settings.engine_threads, niceness=niceness, model_path=settings.engine_model)

    local = LocalProvider(
        engine(settings.engine_niceness),
        lambda: engine(min(19, settings.engine_niceness + _FIT_STEPS_BACK)),
        max_text_length=catalog.limits.text_characters,
        sample_min_seconds=catalog.limits.sample_min_speech_seconds,
        sample_max_seconds=catalog.limits.sample_max_seconds,
    )
    providers = Registry([elevenlabs(), minimax(), local], settings.default_provider)

    accounts = Accounts(database, secret)
    billing = Billing(database, catalog)
    calls = Calls(database, billing, Leases(database.url))
    media = MediaService(settings, catalog, database, storage, signer)
    samples = Samples(settings, catalog, storage, media, signer, ffmpeg, local.embed, fetch_policy)
    voices = Voices(database, storage, providers)
    jobs = Jobs(database, billing, queue)
    speech = Speech(catalog, billing, calls, jobs, voices, providers, media, storage, ffmpeg)
    return Gateway(
        settings=settings,
        catalog=catalog,
        database=database,
        storage=storage,
        signer=signer,
        queue=queue,
        accounts=accounts,
        billing=billing,
        calls=calls,
        media=media,
        local=local,
        providers=providers,
        voices=voices,
        jobs=jobs,
        cloning=Cloning(billing, jobs, samples, providers, voices),
        instant=InstantCloning(catalog, calls, samples, providers, voices),
        speech=speech,
        watermarks=Watermarks(samples),
        handlers=[
            CloneHandler(jobs, samples, storage, providers, voices),
            SpeechHandler(jobs, voices, providers, media, storage, ffmpeg),
        ],
    )
