"""Builds `assets/initial_style.npz`, which maps a speaker's embedding to a style, from the engine's own speech.

    python scripts/build_initial_style.py material.npz --samples 1500     # about half an hour on one core; resumable
    python scripts/build_initial_style.py material.npz                    # fits to the existing samples

A sample is a short sentence in a random style: the timbre of a mix of up to four stock voices of any language, with
noise added to most (to include styles that no mix reaches), the rhythm of an English voice, and a pitch from 85 to
260 Hz. The speaker encoder's embedding of it is the input, the timbre the target. No recording of a person is used.
Prints the errors on a fifth of the samples, which are held out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.pitch import median_f0
from voxport.engine import Engine
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.voice import TIMBRE
from voxport.engine_errors import SampleNotEnrollable

TARGET = Path(__file__).parents[1] / "src/voxport/engine/assets/initial_style.npz"
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

Sample = tuple[FloatArray, FloatArray, float]
"""(timbre [128] in standard deviations of the stock voices, embedding [256], log Hz)"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("material", type=Path)
    parser.add_argument("--samples", type=int, default=0, help="speak until there are so many")
    arguments = parser.parse_args()
    if arguments.samples:
        _record_samples(arguments.material, arguments.samples)
    with np.load(arguments.material) as material:
        _fit_weights(material["timbres"].astype(np.float64), material["embeddings"], material["log_f0"])


def _record_samples(path: Path, sample_count: int) -> None:
    samples: list[Sample] = []
    start = time.perf_counter()
    for sample in _samples():
        samples.append(sample)
        if len(samples) % 50 == 0 or len(samples) == sample_count:
            timbres, embeddings, pitches = (np.array(part, np.float32) for part in zip(*samples, strict=True))
            np.savez(path, timbres=timbres, embeddings=embeddings, log_f0=pitches)
            print(f"{len(samples)} of {sample_count} samples, {time.perf_counter() - start:.0f} s", flush=True)
        if len(samples) == sample_count:
            return


def _samples() -> Iterator[Sample]:
    generator = np.random.default_rng(SEED)
    engine, packs = Engine.load(threads=1), stock_packs()
    chunks = [engine.plan(sentence, "en-us")[0] for sentence in SENTENCES]
    means = packs.means[:, TIMBRE]
    mean, deviation = means.mean(axis=0), means.std(axis=0)
    english = [i for i, voice_id in enumerate(packs.ids) if voice_id[0] in "ab"]
    while True:
        count = generator.integers(1, 5)
        chosen = generator.choice(len(packs.ids), count, replace=False)
        timbre, rhythm = np.zeros(len(packs.ids)), np.zeros(len(packs.ids))
        timbre[chosen] = generator.dirichlet(np.ones(count))
        rhythm[generator.choice(english)] = 1.0
        voice = packs.blend(timbre, rhythm, "en-us")
        chunk = chunks[generator.integers(len(chunks))]
        noise = generator.normal(0, 1, deviation.size) * deviation * generator.choice([0.0, 0.3, 0.6, 0.9])
        target_log_f0 = generator.uniform(np.log(85), np.log(260))
        style = voice.style(len(chunk.tokens))
        style[TIMBRE] += noise
        try:
            audio = engine.speak_at_pitch(chunk, style, target_log_f0)
            measured = engine.embed(audio), median_f0(audio, SAMPLE_RATE)
        except SampleNotEnrollable:
            continue
        if measured[1] is not None:
            yield (style[TIMBRE] - mean) / deviation, measured[0], float(np.log(measured[1]))


def _fit_weights(timbres: FloatArray, embeddings: FloatArray, log_f0: FloatArray) -> None:
    mean_log_f0 = float(log_f0.mean())
    features = np.column_stack([embeddings, log_f0 - mean_log_f0, np.ones(len(log_f0))]).astype(np.float64)
    is_training = np.arange(len(features)) % 5 != 0
    errors = {
        ridge: float(
            np.mean(
                (
                    features[~is_training] @ _ridge_regression(features[is_training], timbres[is_training], ridge)
                    - timbres[~is_training]
                )
                ** 2
            )
        )
        for ridge in RIDGES
    }
    best = min(errors, key=lambda ridge: errors[ridge])
    for ridge, error in errors.items():
        print(f"ridge {ridge:6.1f}: error {error / float(np.mean(timbres[~is_training] ** 2)):.3f} of the variance")
    weights = _ridge_regression(features, timbres, best)
    np.savez_compressed(TARGET, asset=stock_packs().identity, middle=mean_log_f0, weights=weights.astype(np.float16))
    print(f"{TARGET.name}: {TARGET.stat().st_size / 1e6:.2f} MB, {len(features)} samples, ridge {best}")


def _ridge_regression(features: FloatArray, timbres: FloatArray, strength: float) -> FloatArray:
    """Least squares with a penalty of `strength` times the squared weights, except on the constant."""
    gram = features.T @ features
    gram[np.arange(len(gram) - 1), np.arange(len(gram) - 1)] += strength
    return np.asarray(np.linalg.solve(gram, features.T @ timbres))


if __name__ == "__main__":
    main()
