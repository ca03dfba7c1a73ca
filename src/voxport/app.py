"""The HTTP application."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import get_type_hints

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from prometheus_client import CollectorRegistry, ProcessCollector

import voxport
from voxport.accounts.authentication import SECURITY_SCHEMES
from voxport.accounts.endpoints import router as keys
from voxport.accounts.rate_limits import AddressLimitMiddleware, RateLimits
from voxport.admin.endpoints import router as admin
from voxport.billing.endpoints import router as billing
from voxport.cloning.endpoints import checks
from voxport.cloning.endpoints import router as cloning
from voxport.coordination.tokens import open_tokens
from voxport.gateway import Gateway, open_gateway
from voxport.help.endpoints import router as help_pages
from voxport.jobs.endpoints import router as jobs
from voxport.jobs.event_hub import EventHub
from voxport.jobs.handler import all_stages
from voxport.malloc_tuning import IdleTrimmer
from voxport.media.endpoints import blobs, uploads
from voxport.media.signing import PATH as BLOBS_PATH
from voxport.metrics.collector import GatewayCollector
from voxport.metrics.endpoints import router as metrics
from voxport.metrics.process_state import ProcessStateCollector
from voxport.metrics.traffic import RequestMetrics
from voxport.pronunciations.endpoints import router as pronunciations
from voxport.pronunciations.schemas import NewDictionary
from voxport.samples.loader import MAX_CONCURRENT_CHECKS
from voxport.scripts.endpoints import MAX_CONCURRENT_CHECKS as MAX_CONCURRENT_SCRIPT_CHECKS
from voxport.scripts.endpoints import lines as script_lines
from voxport.scripts.endpoints import router as scripts
from voxport.settings import Settings
from voxport.speech.endpoints import estimates
from voxport.speech.endpoints import router as speech
from voxport.speech.preview import previews
from voxport.storage.workdirs import sweep_work_dirs
from voxport.studio.endpoints import router as studio
from voxport.studio.endpoints import takes, tickets
from voxport.studio.live_takes import LiveTakes
from voxport.studio.operator import router as operator
from voxport.studio.sign_in_links import SignInLinks
from voxport.tls.endpoints import router as authority
from voxport.voices.endpoints import router as voices
from voxport.voices.mix_endpoints import router as mixes
from voxport.watermark.endpoints import router as watermark
from voxport.web.api_guide import DESCRIPTION, TAGS
from voxport.web.body_limits import BodyLimitMiddleware
from voxport.web.concurrency import ConcurrencyLimiter, ConcurrencyLimiters
from voxport.web.cors import ApiCorsMiddleware
from voxport.web.error_handlers import add_error_handlers
from voxport.web.head import HeadMiddleware
from voxport.web.health import Readiness
from voxport.web.health import router as health
from voxport.web.openapi import extend_openapi, operation_id
from voxport.web.pages import STATIC_PATH
from voxport.web.pages import router as pages
from voxport.web.provider_threads import ProviderThreads
from voxport.web.public_path import PublicPathMiddleware, public_path
from voxport.web.request_limits import RequestLineMiddleware
from voxport.web.requests import RequestMiddleware
from voxport.web.schemas import ErrorBody, ValidationErrorBody
from voxport.webhooks.endpoints import router as webhooks


def create_app(settings: Settings, *, gateway: Gateway | None = None) -> FastAPI:
    """Create the application with its services, routers and middleware. Opens a gateway unless one is passed; the
    gateway is closed when the application shuts down."""
    gateway = gateway or open_gateway(settings)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        gateway.providers.start()
        sweep_work_dirs()
        yield
        app.state.rate_limits.close()
        gateway.close()

    prefix = public_path(settings.public_url)
    # /docs serves its own scripts: the page works offline, and no third party learns that it was opened.
    app = FastAPIOffline(
        docs_url=None,
        redoc_url=None,
        static_url=STATIC_PATH,
        # A redirect would send the caller to the host that the request named in its headers.
        redirect_slashes=False,
        title="Voxport",
        version=voxport.__version__,
        description=DESCRIPTION,
        openapi_tags=TAGS,
        lifespan=lifespan,
        # Voxport has metrics and traces of its own. FastAPI's would record the texts of requests that it refuses.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        generate_unique_id_function=operation_id,
        # Only a path, so that the /docs page calls the host that served it.
        servers=[{"url": prefix}] if prefix else None,
        responses={
            "4XX": {"model": ErrorBody, "description": "What is wrong, and what to do"},
            "5XX": {"model": ErrorBody, "description": "What went wrong at the provider, or in the gateway"},
            422: {"model": ValidationErrorBody, "description": "The shape of the request is wrong"},
        },
    )
    app.state.services = {kind: getattr(gateway, name) for name, kind in get_type_hints(Gateway).items()}
    app.state.services |= {LiveTakes: LiveTakes(), SignInLinks: SignInLinks(settings.data_dir)}
    app.state.limiters = ConcurrencyLimiters(
        capacity=settings.speech_concurrency,
        wait_seconds=settings.speech_queue_seconds,
        providers=len(gateway.providers.all()),
        on_idle=IdleTrimmer().on_idle,
    )
    # Checks of recordings cost nothing, so they take no slot of a call that is paid for.
    app.state.sample_checks = ConcurrencyLimiter(
        capacity=MAX_CONCURRENT_CHECKS, wait_seconds=settings.speech_queue_seconds
    )
    app.state.script_checks = ConcurrencyLimiter(
        capacity=MAX_CONCURRENT_SCRIPT_CHECKS, wait_seconds=settings.speech_queue_seconds
    )
    app.state.provider_threads = ProviderThreads()
    app.state.event_hub = EventHub(gateway.jobs, max_streams_per_profile=settings.event_streams_per_profile)
    app.state.streams = (app.state.event_hub, app.state.services[LiveTakes])
    app.state.uploading = Counter()
    app.state.providers = gateway.providers
    app.state.readiness = Readiness(
        {"database": gateway.database.ping, "storage": gateway.storage.check, "engine": gateway.local.is_ready}
    )
    # One registry per application: a process may run several, and each counts its own requests.
    registry = CollectorRegistry()
    registry.register(GatewayCollector(gateway.database, gateway.leases, gateway.reconciliation))
    registry.register(
        ProcessStateCollector(
            gateway.database,
            gateway.providers,
            gateway.local.engine_state,
            settings.data_dir,
            speech_calls=app.state.limiters.usage,
        )
    )
    ProcessCollector(registry=registry)
    app.state.metrics = registry
    # A request is compared with each router in turn: those of the most calls come first.
    routers = [
        speech,
        blobs,
        jobs,
        cloning,
        uploads,
        health,
        estimates,
        previews,
        voices,
        mixes,
        checks,
        watermark,
        billing,
        webhooks,
        keys,
        pronunciations,
        scripts,
        script_lines,
    ]
    if settings.admin_key is not None:
        routers += [admin, metrics]
    own_pages = [
        *(pages, help_pages, takes, tickets),
        *([operator] if settings.admin_key is not None else []),
        *([authority] if settings.uses_own_certificate else []),
        studio,
    ]
    for router in [*routers, *own_pages]:
        app.include_router(router)
    app.state.routes = [route for router in routers for route in router.routes]
    extend_openapi(
        app, job_stages=all_stages(gateway.handlers), security_schemes=SECURITY_SCHEMES, bodies=(NewDictionary,)
    )
    add_error_handlers(app)
    app.state.rate_limits = RateLimits(settings, open_tokens(settings.resolved_database_url))
    # The middleware added last is the outermost.
    app.add_middleware(HeadMiddleware, exempt_prefix=BLOBS_PATH)
    app.add_middleware(BodyLimitMiddleware, max_bytes=gateway.catalog.limits.json_body_bytes, exempt_prefix=BLOBS_PATH)
    if settings.cors_origins:
        app.add_middleware(ApiCorsMiddleware, origins=settings.cors_origins)
    app.add_middleware(RequestLineMiddleware, signed_prefix=BLOBS_PATH)
    app.add_middleware(AddressLimitMiddleware, limits=app.state.rate_limits)
    app.add_middleware(
        RequestMiddleware,
        observer=RequestMetrics(registry),
        # Not with a certificate that browsers warn of: after this header they no longer let the user go on.
        sends_hsts=settings.public_url.startswith("https://") and not settings.uses_own_certificate,
        trusts_traceparent=settings.otel_trust_traceparent,
    )
    if prefix:
        routes = [*app.routes, *(route for router in routers for route in router.routes)]
        own = {getattr(route, "path", "/").split("/")[1] for route in routes}
        app.add_middleware(PublicPathMiddleware, prefix=prefix, own_segments=own)
    return app
