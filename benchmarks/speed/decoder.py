"""Compares the engine's decoder (decision 0021) with Kokoro's own: time, similarity of the output, naturalness.

    make bench-setup && .venv/bin/python benchmarks/speed/decoder.py

Both decode the same predictions in turns, so that other load on the machine affects both. Takes about three minutes.
"""

from __future__ import annotations

import time

import numpy as np

from benchmarks.machine import machine
from benchmarks.quality.metrics import Dnsmos
from benchmarks.quality.speaker_similarity import GROUPS
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine import Chunk, Engine
from voxport.engine.kokoro.graph.rewrite import build_split_model
from voxport.engine.kokoro.spectral_eq import filterbank
from voxport.engine.kokoro.split_model import split_model
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.weights import SplitModel, model_bytes

VOICES = ("af_heart", "af_bella", "am_michael", "am_puck", "bm_george", "bf_emma", "am_onyx", "af_nicole")
LENGTHS = (50, 120, 220)  # tokens
ROUNDS = 3


def main() -> None:
    print(machine())
    model, engine, dnsmos = model_bytes(None), Engine.load(), Dnsmos.require()
    both = [SplitModel(*split_model(model)), SplitModel(*build_split_model(model))]
    text = " ".join(" ".join(group) for group in GROUPS)
    long = [token for chunk in engine.plan(text, "en-us") for token in chunk.tokens]
    print("threads  seconds of audio  Kokoro's own  written anew  ratio")
    for threads in (1, 2):
        decoders = [Synthesizer(halves, threads=threads) for halves in both]
        for tokens in LENGTHS:
            chunk = Chunk("", tuple(long[:tokens]), 0.0)
            seconds, (own, anew) = _times(decoders, chunk, engine)
            print(f"{threads:7}  {seconds:16.1f}  {own:12.3f}  {anew:12.3f}  {anew / own:5.2f}", flush=True)
    print("voice        DNSMOS own  anew  correlation of the log mel spectra (least of five)")
    moved = []
    for name in VOICES:
        voice, figures = engine.stock_voice(name), []
        for group in GROUPS:
            chunk = engine.plan(" ".join(group), "en-us")[0]
            style = voice.style(len(chunk.tokens))
            prediction = decoders[0].predict(chunk.tokens, style, 1.0)
            old, new = (decoder.decode(prediction, style) for decoder in decoders)
            alike = np.corrcoef(_log_mels(old).ravel(), _log_mels(new).ravel())[0, 1]
            figures.append((dnsmos.overall(old), dnsmos.overall(new), alike))
        table = np.array(figures)
        moved += list(table[:, 1] - table[:, 0])
        print(f"{name:12} {table[:, 0].mean():10.2f}  {table[:, 1].mean():.2f}  {table[:, 2].min():.4f}", flush=True)
    print(f"DNSMOS moved by {np.mean(moved):+.3f} ± {np.std(moved) / len(moved) ** 0.5:.3f} over {len(moved)} clips")
    engine.close()


def _times(decoders: list[Synthesizer], chunk: Chunk, engine: Engine) -> tuple[float, list[float]]:
    """Return the seconds of audio, and for each decoder its best seconds per second of audio."""
    style = engine.stock_voice("af_heart").style(len(chunk.tokens))
    prediction = decoders[0].predict(chunk.tokens, style, 1.0)
    best, seconds = [float("inf")] * len(decoders), 0.0
    for _ in range(ROUNDS + 1):
        for index, decoder in enumerate(decoders):
            start = time.perf_counter()
            seconds = decoder.decode(prediction, style).size / SAMPLE_RATE
            best[index] = min(best[index], (time.perf_counter() - start) / seconds)
    return seconds, best


def _log_mels(audio: FloatArray) -> FloatArray:
    frames = np.lib.stride_tricks.sliding_window_view(audio, 1024)[::256] * np.hanning(1024)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    return np.asarray(np.log(power @ filterbank().T + 1e-5))


if __name__ == "__main__":
    main()
