"""The metadata of all tables of the gateway, which the migrations must create."""

from voxport.accounts import models as accounts
from voxport.audit import models as audit
from voxport.billing import models as billing
from voxport.cloning import models as consent
from voxport.coordination import models as coordination
from voxport.db import models as leases
from voxport.db.base import Base
from voxport.idempotency import models as idempotency
from voxport.jobs import models as jobs
from voxport.media import models as media
from voxport.pronunciations import models as pronunciations
from voxport.provider_calls import models as provider_calls
from voxport.reconciliation import models as reconciliation
from voxport.scripts import models as scripts
from voxport.speech_cache import models as speech_cache
from voxport.spoken_lines import models as spoken_lines
from voxport.sweeps import models as sweeps
from voxport.voices import models as voices
from voxport.webhooks import models as webhooks

__all__ = [
    "accounts",
    "audit",
    "billing",
    "consent",
    "coordination",
    "idempotency",
    "jobs",
    "leases",
    "media",
    "metadata",
    "pronunciations",
    "provider_calls",
    "reconciliation",
    "scripts",
    "speech_cache",
    "spoken_lines",
    "sweeps",
    "voices",
    "webhooks",
]

metadata = Base.metadata
