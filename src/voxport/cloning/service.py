"""core-voice-clone: a persistent voice, as a job. Here it is asked for; `handler.py` does the work."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal

from voxport.accounts.service import Principal
from voxport.billing.claims import NO_CLAIM, Claim
from voxport.billing.service import Billing
from voxport.catalog import ServiceName
from voxport.jobs.models import Job
from voxport.jobs.service import Jobs, NewJob
from voxport.media.samples import Samples
from voxport.providers.registry import Registry
from voxport.voices.service import Voices

SERVICE: ServiceName = "core-voice-clone"
ONE = Decimal(1)


@dataclass(frozen=True)
class CloneRequest:
    audio_url: str
    provider: str | None
    name: str
    description: str
    webhook_url: str | None = None


class Cloning:
    def __init__(self, billing: Billing, jobs: Jobs, samples: Samples, providers: Registry, voices: Voices) -> None:
        self._billing = billing
        self._jobs = jobs
        self._samples = samples
        self._providers = providers
        self._voices = voices

    def submit(self, caller: Principal, request: CloneRequest, *, request_id: str, claim: Claim = NO_CLAIM) -> Job:
        """Queue the clone. Raises what can be known at once: ProviderUnavailable, BadRequest, AudioUrlUnusable,
        NotFound, WebhookUrlUnusable, InsufficientCredits."""
        providers = self._providers.cloning(request.provider, instant=False)
        source = self._samples.locate(caller.profile_id, request.audio_url)
        voice_id = self._voices.new_voice_id()
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
                subject=voice_id,
                amount=self._billing.price(SERVICE, ONE),
                request_id=request_id,
                claim=claim,
                key_id=caller.key_id,
                voice_id=voice_id,
                webhook_url=request.webhook_url,
            )
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
        """Queue the making of a clone's speaker at another provider, from the sample that was kept. Raises NotFound,
        Forbidden (a stock voice), Conflict (it is there), ProviderUnavailable, BadRequest, WebhookUrlUnusable,
        InsufficientCredits."""
        self._voices.require_unbound(caller.profile_id, voice_id, provider)
        self._providers.require_cloning(provider, instant=False)
        return self._jobs.submit(
            NewJob(
                profile_id=caller.profile_id,
                service=SERVICE,
                request={"binds": voice_id, "providers": [provider]},
                subject=self._voices.new_voice_id(),
                amount=self._billing.price(SERVICE, ONE),
                request_id=request_id,
                claim=claim,
                key_id=caller.key_id,
                voice_id=voice_id,
                webhook_url=webhook_url,
            )
        )
