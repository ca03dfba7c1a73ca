"""The local cloning engine. It does not depend on the gateway, and importing it loads no network.

    from voxport.engine import Engine
    engine = Engine.load()
    voice = engine.enrol(recording)                                          # float32 mono, 24 kHz
    audio = [engine.speak(chunk, voice) for chunk in engine.plan("Hello.", "en-us")]

`docs/engine.md` explains how it works.
"""

from voxport.audio.arrays import SAMPLE_RATE
from voxport.engine.engine import Engine
from voxport.engine.kokoro.chunk import Chunk
from voxport.engine.kokoro.levels import apply_levels
from voxport.engine.kokoro.stock_voices import EngineStockVoice, stock_voice_list
from voxport.engine.kokoro.synthesis import Synthesis, word_times
from voxport.engine.kokoro.voice import EngineVoice
from voxport.engine.kokoro.weights import model_id
from voxport.engine.process.client import EngineProcess
from voxport.engine.watermark import Detection, detect
from voxport.engine_errors import (
    EngineError,
    EngineUnavailable,
    SampleNotEnrollable,
    TextNotSpeakable,
    VoiceFileError,
    VoiceNotMixable,
)
from voxport.text.languages import LANGUAGES

__all__ = [
    "LANGUAGES",
    "SAMPLE_RATE",
    "Chunk",
    "Detection",
    "Engine",
    "EngineError",
    "EngineProcess",
    "EngineStockVoice",
    "EngineUnavailable",
    "EngineVoice",
    "SampleNotEnrollable",
    "Synthesis",
    "TextNotSpeakable",
    "VoiceFileError",
    "VoiceNotMixable",
    "apply_levels",
    "detect",
    "model_id",
    "stock_voice_list",
    "word_times",
]
