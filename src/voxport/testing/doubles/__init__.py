"""ElevenLabs and MiniMax as two small servers, with their answers, their errors and their limits, to test against.

    double = ElevenLabsDouble()
    with serve_app(double.app) as url:
        ...

What they do is in PROVIDERS.md's checklists, line by line (`docs/doubles.md` says which test covers which). They
speak with real speech, into which each voice puts a mark of its own (`marks.py`), so that a test hears who spoke.
"""

from voxport.testing.doubles.clock import ManualClock
from voxport.testing.doubles.elevenlabs import ElevenLabsAccount, ElevenLabsDouble
from voxport.testing.doubles.faults import Fault, Faults
from voxport.testing.doubles.marks import identify
from voxport.testing.doubles.minimax import MiniMaxAccount, MiniMaxDouble
from voxport.testing.doubles.server import serve_app

__all__ = [
    "ElevenLabsAccount",
    "ElevenLabsDouble",
    "Fault",
    "Faults",
    "ManualClock",
    "MiniMaxAccount",
    "MiniMaxDouble",
    "identify",
    "serve_app",
]
