"""Compares `assets/speaker_encoder.onnx` with Resemblyzer's own network, run by torch on librosa's spectrum.

    pip install torch librosa                  # in a throwaway environment, beside the engine
    python scripts/check_speaker_encoder.py Resemblyzer-0.1.4-py3-none-any.whl voice.wav

Prints the cosine between the two embeddings of the first 30 s of a mono recording (any format that librosa reads).
"""

from __future__ import annotations

import io
import sys
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.speaker_encoder import SpeakerEncoder, mel_windows, preprocess


def main(wheel: Path, recording: Path) -> None:
    librosa: Any = import_module("librosa")
    audio, _ = librosa.load(recording, sr=SAMPLE_RATE, mono=True, duration=30)
    at_16k = preprocess(audio)
    windows = mel_windows(at_16k)
    padded = np.pad(at_16k, (0, 160 * 160))
    spectrum = librosa.feature.melspectrogram(y=padded, sr=16_000, n_fft=400, hop_length=160, n_mels=40)
    theirs = spectrum.T[: 160 + 77 * (len(windows) - 1)]
    original = np.stack([theirs[start : start + 160] for start in range(0, 77 * len(windows), 77)])
    ours = SpeakerEncoder(threads=2).embed(audio)
    print(f"{len(windows)} windows, cosine {float(ours @ _original(wheel, original)):.7f}")


def _original(wheel: Path, mels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    torch: Any = import_module("torch")
    with zipfile.ZipFile(wheel) as archive:
        content = io.BytesIO(archive.read("resemblyzer/pretrained.pt"))
    state = torch.load(content, map_location="cpu", weights_only=True)["model_state"]
    lstm, linear = torch.nn.LSTM(40, 256, 3, batch_first=True), torch.nn.Linear(256, 256)
    lstm.load_state_dict({name[5:]: values for name, values in state.items() if name.startswith("lstm.")})
    linear.load_state_dict({name[7:]: values for name, values in state.items() if name.startswith("linear.")})
    with torch.no_grad():
        _, (hidden, _) = lstm(torch.tensor(mels, dtype=torch.float32))
        raw = torch.relu(linear(hidden[-1])).numpy()
    mean = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
