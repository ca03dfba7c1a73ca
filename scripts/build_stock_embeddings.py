"""Builds `assets/stock_embeddings.npz`: the speaker encoder's embedding of each stock voice at several pitches.

    python scripts/build_stock_embeddings.py

Each of the 54 voices speaks two sentences at each of four median pitches; the encoder's mean embedding is stored as
float16. Takes about ten minutes on two cores.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from voxport.audio.arrays import FloatArray
from voxport.engine.engine import Engine
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.voice import EngineVoice

TARGET = Path(__file__).parents[1] / "src/voxport/engine/assets/stock_embeddings.npz"
MEDIANS = (100.0, 135.0, 180.0, 240.0)
SENTENCES = (
    "The rain fell softly on the roof of the old house.",
    "Please bring three fresh oranges from the market.",
)
MEASURED_ABOVE_PREDICTED = 0.05  # log Hz, see pitch_control.py


def main() -> None:
    engine = Engine.load()
    packs = stock_packs()
    table = np.zeros((len(packs.ids), len(MEDIANS), 256))
    for row, voice_id in enumerate(packs.ids):
        table[row] = embeddings(engine, packs.voice(row))
        print(row + 1, voice_id, flush=True)
    np.savez_compressed(
        TARGET, asset=np.array(packs.identity), medians=np.array(MEDIANS), embeddings=table.astype("<f2")
    )
    print(f"{TARGET.name}: {TARGET.stat().st_size / 1e6:.2f} MB")
    engine.close()


def embeddings(engine: Engine, voice: EngineVoice) -> FloatArray:
    """Return float64 [4, 256], each of length 1: the voice with its median pitch at each of MEDIANS."""
    chunks = [engine.plan(sentence, "en-us")[0] for sentence in SENTENCES]
    predicted_median = np.median([engine.predict_median_f0(chunk, voice) for chunk in chunks])
    rows = []
    for median in MEDIANS:
        offset = float(np.log(median / predicted_median)) - MEASURED_ABOVE_PREDICTED
        shifted = voice.with_f0(offset=offset, slope=1.0, median=None)
        mean = np.mean([engine.embed(engine.speak(chunk, shifted)) for chunk in chunks], axis=0)
        rows.append(mean / np.linalg.norm(mean))
    return np.stack(rows)


if __name__ == "__main__":
    main()
