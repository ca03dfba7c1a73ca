"""Builds `assets/stock_voices.npz`, the 54 stock voices of Kokoro-82M v1.0 (Apache-2.0), from the npm package.

    npm pack kokoro-js@1.2.1
    tar xzf kokoro-js-1.2.1.tgz
    python scripts/build_stock_voices.py package/voices

A pack is float32 [510, 256]: one style per token count. Around its mean over the counts it has rank 8, so the asset
holds for each pack the mean, eight curves over the count and eight directions, as float16. Prints the error of the
asset relative to the packs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from voxport.audio.arrays import FloatArray
from voxport.engine.kokoro.voice import EngineVoice

TARGET = Path(__file__).parents[1] / "src/voxport/engine/assets/stock_voices.npz"
VOICES = 54


def main(directory: Path) -> None:
    sources = sorted(directory.glob("*.bin"))
    if len(sources) != VOICES:
        raise SystemExit(f"{directory} holds {len(sources)} packs, and should hold {VOICES}.")
    packs = {source.stem: np.fromfile(source, "<f4").reshape(510, 256) for source in sources}
    voices = [EngineVoice.from_pack(pack, language="", asset="") for pack in packs.values()]
    np.savez_compressed(
        TARGET,
        ids=np.array(list(packs)),
        means=_to_float16([voice.mean for voice in voices]),
        curves=_to_float16([voice.curves for voice in voices]),
        directions=_to_float16([voice.directions for voice in voices]),
    )
    _print_errors(packs)


def _to_float16(arrays: list[FloatArray]) -> FloatArray:
    return np.stack(arrays).astype("<f2")


def _print_errors(packs: dict[str, FloatArray]) -> None:
    """Print the differences between the asset and the packs, and between the packs for comparison."""
    from voxport.engine.kokoro.stock_voices import stock_packs

    stored = stock_packs()
    errors = [np.abs(stored.voice(i).pack() - packs[voice_id]) for i, voice_id in enumerate(stored.ids)]
    spread = np.stack(list(packs.values())).std(axis=0).mean()
    print(f"{TARGET.name}: {TARGET.stat().st_size / 1e6:.2f} MB, asset {stored.identity}")
    print(f"spread between voices {spread:.3f}; error: mean {np.mean(errors):.1e}, worst {np.max(errors):.1e}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
