"""All tables of the gateway, joined: what the migrations must make."""

from voxport.accounts import models as accounts
from voxport.audit import models as audit
from voxport.billing import models as billing
from voxport.consent import models as consent
from voxport.db.base import Base
from voxport.intents import models as intents
from voxport.jobs import models as jobs
from voxport.media import models as media
from voxport.voices import models as voices

__all__ = ["accounts", "audit", "billing", "consent", "intents", "jobs", "media", "metadata", "voices"]

metadata = Base.metadata
