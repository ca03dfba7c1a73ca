"""Kokoro's ONNX file → what the engine runs: the predictor as it is, the decoder written anew, the style's map."""

from __future__ import annotations

from voxport.engine.affine import packed
from voxport.engine.cut import cut
from voxport.engine.errors import EngineUnavailable


def make_halves(model: bytes) -> tuple[bytes, bytes, bytes]:
    """(predictor, decoder, affine map). Raises EngineUnavailable when `model` is not Kokoro's int8 file."""
    import onnx

    from voxport.engine.graph.decoder import build_decoder
    from voxport.engine.graph.weights import read_weights

    predictor, original = cut(model)
    graph = onnx.load_from_string(original)
    try:
        weights = read_weights(graph)
        decoder, norms = build_decoder(graph, weights)
        maps = [weights.quantised[f"{path}.fc"] for path, _ in norms]
        biases = [weights.floats[f"{path}.fc.bias"] for path, _ in norms]
    except KeyError as missing:
        raise EngineUnavailable(f"The engine's model file is not Kokoro's int8 export: it has no {missing}.") from None
    return predictor, decoder, packed(norms, [m.values for m in maps], [m.scale for m in maps], biases)
