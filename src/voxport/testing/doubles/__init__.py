"""Test doubles of ElevenLabs and MiniMax: small servers with the providers' responses, errors and limits.

    double = ElevenLabsDouble()
    with serve_app(double.app) as url:
        ...

They implement the checklists of PROVIDERS.md line by line; `docs/doubles.md` says which test covers which line. They
respond with real speech that carries an audio mark per voice (`marks.py`), so that a test can identify the voice.
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
