"""Loads the decoder's weights in float32 for the fit, from the ONNX file that the engine speaks with.

`graph/decoder_weights.py` reads them.
"""

from __future__ import annotations

from pathlib import Path

from voxport.audio.arrays import FloatArray
from voxport.engine.kokoro.graph.decoder_weights import read_weights
from voxport.engine.kokoro.split_model import extract_source_module, split_model
from voxport.engine.kokoro.weights import model_bytes
from voxport.engine_errors import EngineUnavailable


def load_decoder_weights(model_path: Path | None = None) -> tuple[dict[str, FloatArray], bytes]:
    """Load (float32 weights by name, ONNX graph of the source module) from Kokoro's ONNX file, by default the int8 one.
    Raises EngineUnavailable when it is missing or another network."""
    import onnx

    decoder = onnx.load_from_string(split_model(model_bytes(model_path))[1])
    weights = read_weights(decoder)
    floats = weights.floats | {f"{path}.weight": one.dequantise() for path, one in weights.quantised.items()}
    if "generator.conv_post.weight" not in floats:
        raise EngineUnavailable("The weights of the engine's decoder can't be read from its model file.")
    return floats, extract_source_module(decoder)
