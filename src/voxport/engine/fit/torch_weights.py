"""The decoder's weights as numbers, out of the same ONNX file that speaks.

`graph/decoder_weights.py` reads them; the fit wants all of them in float32.
"""

from __future__ import annotations

from pathlib import Path

from voxport.audio.arrays import FloatArray
from voxport.engine.kokoro.graph.decoder_weights import read_weights
from voxport.engine.kokoro.split_model import extract_source_module, split_model
from voxport.engine.kokoro.weights import model_bytes
from voxport.engine_errors import EngineUnavailable


def load_decoder_weights(model_path: Path | None = None) -> tuple[dict[str, FloatArray], bytes]:
    """(weights by name, float32; the ONNX graph from `f0` to the source's tone), of Kokoro's ONNX file, int8 by
    default. Raises EngineUnavailable where it is missing or another network."""
    import onnx

    decoder = onnx.load_from_string(split_model(model_bytes(model_path))[1])
    weights = read_weights(decoder)
    floats = weights.floats | {f"{path}.weight": one.dequantise() for path, one in weights.quantised.items()}
    if "generator.conv_post.weight" not in floats:
        raise EngineUnavailable("The weights of the engine's decoder can't be read from its model file.")
    return floats, extract_source_module(decoder)
