"""Makes the models that the engine runs from Kokoro's ONNX file: the unchanged predictor and a rewritten decoder."""

from __future__ import annotations

from voxport.engine.kokoro.graph.decoder import build_decoder
from voxport.engine.kokoro.graph.decoder_weights import read_weights
from voxport.engine.kokoro.graph.float_decoder import add_adain_input
from voxport.engine.kokoro.split_model import split_model
from voxport.engine_errors import EngineUnavailable


def build_split_model(model: bytes) -> tuple[bytes, bytes]:
    """Make (predictor, decoder), with the inputs and outputs of `split_model`, and one more input of the decoder, the
    offsets of its norms.

    A file without eight-bit convolutions, such as Kokoro's float32 one, keeps its own decoder otherwise. Raises
    EngineUnavailable when `model` is another network.
    """
    import onnx

    predictor, decoder = split_model(model)
    graph = onnx.load_from_string(decoder)
    if not any(node.op_type == "ConvInteger" for node in graph.graph.node):
        add_adain_input(graph)
        return predictor, bytes(graph.SerializeToString())
    try:
        return predictor, build_decoder(graph, read_weights(graph))
    except KeyError as missing:
        raise EngineUnavailable(f"The engine's model file is not Kokoro's int8 one: it has no {missing}.") from None
