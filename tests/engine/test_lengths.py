"""The duration that `POST /v1/estimate` gives for a text is close to the engine's."""

from __future__ import annotations

from statistics import mean

import pytest

from benchmarks.quality.durations import durations
from voxport.catalog import load_catalog
from voxport.engine import Engine
from voxport.speech.durations import estimated_seconds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The ferry leaves the island at seven in the morning, and all come down to wave.", "en-us"),
        ("El barco sale de la isla a las siete de la mañana, y todo el pueblo baja a saludar.", "es"),
        ("We sold 1,204 tickets on 3 May 2026 for $18.50 each, 22% more than in 2025.", "en-us"),
    ],
    ids=["prose", "spanish", "numbers"],
)
def test_the_estimate_is_near_to_what_the_engine_speaks(engine: Engine, text: str, language: str) -> None:
    spoken = mean(durations(engine, text, language, voices=3))
    assert 0.8 < float(estimated_seconds(text, 1.0, load_catalog().limits)) / spoken < 1.25
