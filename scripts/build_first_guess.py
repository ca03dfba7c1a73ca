"""Make `assets/first_guess.npz`: from a speaker's embedding to a style, learned from the engine's own speech.

    python scripts/build_first_guess.py material.npz --samples 1500     # about half an hour on one core; goes on
    python scripts/build_first_guess.py material.npz                    # learns from what is there

A sample is a short sentence in a random style: the timbre of a mix of up to four stock voices of any language, most of
them shaken by noise (so that styles which no mix reaches are there too), the rhythm of an English voice, the pitch
anywhere from 85 to 260 Hz. What the speaker encoder hears of it is the question, the timbre the answer. No recording
of a person is used. Printed are the errors on a fifth of the samples that learning did not see.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, Floats
from voxport.audio.pitch import median_f0
from voxport.engine import Engine
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.voice import TIMBRE
from voxport.engine_errors import SampleNotEnrollable

TARGET = Path(__file__).parents[1] / "src/voxport/engine/assets/first_guess.npz"
SEED = 2
RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
SENTENCES = (
    "The old boat drifted slowly by.",
    "She found a better answer in it.",
    "We could hear the children laugh.",
    "Could you tell me where it is?",
    "Nobody had expected the snow.",
    "I will call you again tomorrow.",
    "Put the kettle on the stove.",
    "Most of them had gone by noon.",
    "Why had the clock stopped again?",
    "Fresh bread and cheese were there.",
    "Thin dust covered every shelf.",
    "They walked for hours in silence.",
    "Please describe the blue car.",
    "My brother plays the violin.",
    "Will the weather change today?",
    "Seven white horses stood below.",
)

Sample = tuple[Floats, Floats, float]
"""(timbre [128] in units of the stock voices' deviation, embedding [256], log Hz)"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("material", type=Path)
    parser.add_argument("--samples", type=int, default=0, help="speak until there are so many")
    arguments = parser.parse_args()
    if arguments.samples:
        _speak(arguments.material, arguments.samples)
    with np.load(arguments.material) as material:
        _learn(material["timbres"].astype(np.float64), material["embeddings"], material["log_f0"])


def _speak(path: Path, wanted: int) -> None:
    samples: list[Sample] = []
    start = time.perf_counter()
    for sample in _samples():
        samples.append(sample)
        if len(samples) % 50 == 0 or len(samples) == wanted:
            timbres, embeddings, pitches = (np.array(part, np.float32) for part in zip(*samples, strict=True))
            np.savez(path, timbres=timbres, embeddings=embeddings, log_f0=pitches)
            print(f"{len(samples)} of {wanted} samples, {time.perf_counter() - start:.0f} s", flush=True)
        if len(samples) == wanted:
            return


def _samples() -> Iterator[Sample]:
    chance = np.random.default_rng(SEED)
    engine, packs = Engine.load(threads=1), stock_packs()
    chunks = [engine.plan(sentence, "en-us")[0] for sentence in SENTENCES]
    means = packs.means[:, TIMBRE]
    middle, spread = means.mean(axis=0), means.std(axis=0)
    english = [i for i, voice_id in enumerate(packs.ids) if voice_id[0] in "ab"]
    while True:
        count = chance.integers(1, 5)
        mixed = chance.choice(len(packs.ids), count, replace=False)
        timbre, rhythm = np.zeros(len(packs.ids)), np.zeros(len(packs.ids))
        timbre[mixed] = chance.dirichlet(np.ones(count))
        rhythm[chance.choice(english)] = 1.0
        voice = packs.mix(timbre, rhythm, "en-us")
        chunk = chunks[chance.integers(len(chunks))]
        noise = chance.normal(0, 1, spread.size) * spread * chance.choice([0.0, 0.3, 0.6, 0.9])
        wanted = chance.uniform(np.log(85), np.log(260))
        style = voice.style(len(chunk.tokens))
        style[TIMBRE] += noise
        try:
            audio = engine.spoken_at(chunk, style, wanted)
            heard = engine.embed(audio), median_f0(audio, SAMPLE_RATE)
        except SampleNotEnrollable:
            continue
        if heard[1] is not None:
            yield (style[TIMBRE] - middle) / spread, heard[0], float(np.log(heard[1]))


def _learn(timbres: Floats, embeddings: Floats, log_f0: Floats) -> None:
    middle = float(log_f0.mean())
    heard = np.column_stack([embeddings, log_f0 - middle, np.ones(len(log_f0))]).astype(np.float64)
    seen = np.arange(len(heard)) % 5 != 0
    errors = {
        ridge: float(np.mean((heard[~seen] @ _ridge(heard[seen], timbres[seen], ridge) - timbres[~seen]) ** 2))
        for ridge in RIDGES
    }
    best = min(errors, key=lambda ridge: errors[ridge])
    for ridge, error in errors.items():
        print(f"ridge {ridge:6.1f}: error {error / float(np.mean(timbres[~seen] ** 2)):.3f} of the variance")
    weights = _ridge(heard, timbres, best)
    np.savez_compressed(TARGET, asset=stock_packs().identity, middle=middle, weights=weights.astype(np.float16))
    print(f"{TARGET.name}: {TARGET.stat().st_size / 1e6:.2f} MB, {len(heard)} samples, ridge {best}")


def _ridge(heard: Floats, timbres: Floats, strength: float) -> Floats:
    """Least squares with `strength` times the squared weights, the constant's left free."""
    gram = heard.T @ heard
    gram[np.arange(len(gram) - 1), np.arange(len(gram) - 1)] += strength
    return np.asarray(np.linalg.solve(gram, heard.T @ timbres))


if __name__ == "__main__":
    main()
