"""core-voice-clone: queues the creation of a persistent voice as a job, which `handler.py` runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal

from sqlalchemy.orm import Session

from voxport.accounts.service import Principal
from voxport.audit.service import Actor, record
from voxport.billing.claims import NO_CLAIM, Claim
from voxport.billing.service import Billing
from voxport.catalog import ServiceName
from voxport.cloning.consent import Consent, Consents
from voxport.jobs.models import Job
from voxport.jobs.service import Jobs, NewJob
from voxport.providers.registry import Registry
from voxport.samples.loader import SampleLoader
from voxport.voices.service import VoiceService

SERVICE: ServiceName = "core-voice-clone"
ONE_CLONE = Decimal(1)


@dataclass(frozen=True)
class CloneRequest:
    audio_url: str
    provider: str | None
    name: str
    description: str
    webhook_url: str | None = None
    consent: Consent | None = None


class Cloning:
    def __init__(
        self,
        billing: Billing,
        jobs: Jobs,
        samples: SampleLoader,
        providers: Registry,
        voices: VoiceService,
        consents: Consents,
    ) -> None:
        self._consents = consents
        self._billing = billing
        self._jobs = jobs
        self._samples = samples
        self._providers = providers
        self._voices = voices

    def submit(self, caller: Principal, request: CloneRequest, *, request_id: str, claim: Claim = NO_CLAIM) -> Job:
        """Check the request and queue the clone. Raises Forbidden (no consent), ProviderUnavailable, BadRequest,
        AudioUrlUnusable, NotFound, WebhookUrlUnusable, InsufficientCredits."""
        self._consents.require(request.consent)
        providers = self._providers.require_cloners(request.provider, instant=False)
        source = self._samples.locate_recording(caller.profile_id, request.audio_url)
        voice_id = self._voices.new_voice_id()

        def record_consent(tx: Session, job: Job) -> None:
            self._consents.record(
                tx,
                request.consent,
                caller,
                service=SERVICE,
                request_id=request_id,
                job_id=job.id,
                voice_id=voice_id,
            )
            _audit(tx, caller, job)

        return self._jobs.submit(
            NewJob(
                profile_id=caller.profile_id,
                service=SERVICE,
                request={
                    "source": asdict(source),
                    "providers": [provider.name for provider in providers],
                    "name": request.name,
                    "description": request.description,
                },
                output_id=voice_id,
                amount=self._billing.price(SERVICE, ONE_CLONE),
                request_id=request_id,
                claim=claim,
                key_id=caller.key_id,
                voice_id=voice_id,
                webhook_url=request.webhook_url,
                provider=providers[0].name,
            ),
            in_same_tx=record_consent,
        )

    def bind(
        self,
        caller: Principal,
        voice_id: str,
        provider: str,
        *,
        request_id: str,
        webhook_url: str | None = None,
        claim: Claim = NO_CLAIM,
    ) -> Job:
        """Queue the creation of a clone at another provider, from its stored sample. Raises NotFound, Forbidden (a
        stock voice), Conflict (it exists there), ProviderUnavailable, BadRequest, WebhookUrlUnusable,
        InsufficientCredits.

        It requires no consent: the speaker's consent covers the voice at every provider."""
        self._voices.require_unbound(caller.profile_id, voice_id, provider)
        self._providers.require_cloning(provider, instant=False)
        return self._jobs.submit(
            NewJob(
                profile_id=caller.profile_id,
                service=SERVICE,
                request={"binds": voice_id, "providers": [provider]},
                output_id=self._voices.new_voice_id(),
                amount=self._billing.price(SERVICE, ONE_CLONE),
                request_id=request_id,
                claim=claim,
                key_id=caller.key_id,
                voice_id=voice_id,
                webhook_url=webhook_url,
                provider=provider,
            ),
            in_same_tx=lambda tx, job: _audit(tx, caller, job),
        )


def _audit(tx: Session, caller: Principal, job: Job) -> None:
    actor = Actor(caller.key_id, job.request_id)
    record(tx, "clone.submit", actor=actor, profile_id=caller.profile_id, subject=job.output_id, job_id=job.id)
