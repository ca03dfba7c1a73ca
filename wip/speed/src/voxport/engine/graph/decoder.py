"""Kokoro's decoder, written anew from its weights: the same sums in an order that costs less (see docs/engine.md).

    features, f0, noise ──▶ encode, decode.0-3 ──▶ two stages of upsampling and residual blocks ──▶ iSTFT ──▶ audio
    f0 ──▶ harmonics ──▶ STFT ────────────────────────▲
    affine (scale and shift of every adaptive norm) ──▲

The harmonics' nodes are Kokoro's own. `affine` is computed outside from the style, by `affine.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from voxport.engine.graph.builder import GraphBuilder
from voxport.engine.graph.layers import Layers
from voxport.engine.graph.weights import PREFIX, DecoderWeights

if TYPE_CHECKING:
    from onnx import ModelProto

_HARMONICS: Final = f"{PREFIX}generator/Concat_3_output_0"
"""Magnitudes and phases of the source, [1, 22, 120 x frames + 1], in Kokoro's own graph."""
_STRIDES: Final = (10, 6)
_DILATIONS: Final = (1, 3, 5)
_HOP: Final = 5
_WINDOW: Final = 20


def build_decoder(model: ModelProto, weights: DecoderWeights) -> tuple[bytes, list[tuple[str, int]]]:
    """The graph, and its adaptive norms (module path, channels) in the order in which `affine` holds them."""
    return _Decoder(weights).built(model)


class _Decoder:
    def __init__(self, weights: DecoderWeights) -> None:
        self.weights = weights
        self.graph = GraphBuilder()
        self.layers = Layers(self.graph, weights)

    def built(self, model: ModelProto) -> tuple[bytes, list[tuple[str, int]]]:
        from onnx import TensorProto, helper

        self._audio(self._generated(self._decoded()))
        body, self.graph.nodes = self.graph.nodes, []
        self._split_affine()
        source, constants = _source(model)
        shapes: dict[str, list[Any]] = {"features": [1, 512, "frames"], "f0": [1, "halves"], "noise": [1, "halves"]}
        shapes["affine"] = [1, 2 * sum(self.layers.channels.values())]
        inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
        output = helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["samples"])
        nodes, weights = [*source, *self.graph.nodes, *body], [*constants, *self.graph.constants.values()]
        graph = helper.make_graph(nodes, "kokoro_decoder", inputs, [output], weights)
        whole = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
        return bytes(whole.SerializeToString()), list(self.layers.channels.items())

    def _decoded(self) -> str:
        """[2 x frames, 512]"""
        g, layers = self.graph, self.layers
        features = g.op("Transpose", g.op("Squeeze", "features", g.integers(0)), perm=[1, 0])
        f0, noise = (
            layers.float_conv(path, g.op("Unsqueeze", name, g.integers(1)), stride=2, padding=1)
            for name, path in (("f0", "F0_conv"), ("noise", "N_conv"))
        )
        x = self._block("encode", g.op("Concat", features, f0, noise, axis=1))
        residual = layers.conv("asr_res.0", features, rate="frames")
        for index in range(4):
            joined = g.op("Concat", x, residual, f0, noise, axis=1)
            x = self._block(f"decode.{index}", joined, doubles=index == 3)
        return x

    def _block(self, path: str, x: str, *, doubles: bool = False) -> str:
        g, layers = self.graph, self.layers
        rate = "halves" if doubles else "frames"
        outputs, inputs, _ = self.weights.quantised[f"{path}.conv1"].values.shape
        shortcut = layers.conv(f"{path}.conv1x1", x, rate="frames")
        y = g.op("LeakyRelu", layers.adain(f"{path}.norm1", x, inputs), alpha=0.2)
        if doubles:
            shortcut = layers.doubled(shortcut, outputs)
            y = layers.doubled_smoothly(f"{path}.pool", y)
        y = layers.conv(f"{path}.conv1", y, rate=rate)
        y = g.op("LeakyRelu", layers.adain(f"{path}.norm2", y, outputs), alpha=0.2)
        y = layers.conv(f"{path}.conv2", y, rate=rate)
        return g.op("Mul", g.op("Add", y, shortcut), g.floats("half_root", 0.5**0.5))

    def _generated(self, x: str) -> str:
        """Log magnitudes and phases, [120 x frames + 1, 22]."""
        g, layers = self.graph, self.layers
        for stage, stride in enumerate(_STRIDES):
            # The mean of three blocks is their sum here; the third is in the weight that follows.
            x = g.op("LeakyRelu", x, alpha=0.1)
            x = layers.upsampled(f"generator.ups.{stage}", x, stride=stride, gain=1 / 3 if stage else 1.0)
            if stage:
                x = g.op("Concat", g.rows(x, 1, 2), x, axis=0)
            strided = {} if stage else {"stride": 6, "padding": 3}
            source = layers.float_conv(f"generator.noise_convs.{stage}", _HARMONICS, **strided)
            rate = f"stage_{stage}"
            x = g.op("Add", x, self._residual(f"generator.noise_res.{stage}", source, rate))
            blocks = [self._residual(f"generator.resblocks.{3 * stage + n}", x, rate) for n in range(3)]
            x = g.op("Add", g.op("Add", blocks[0], blocks[1]), blocks[2])
        return layers.float_product("generator.conv_post", g.op("LeakyRelu", x, alpha=0.01), rate=rate, gain=1 / 3)

    def _residual(self, path: str, x: str, rate: str) -> str:
        layers = self.layers
        channels = self.weights.quantised[f"{path}.convs1.0"].values.shape[0]
        for n, dilation in enumerate(_DILATIONS):
            y = layers.snaked(f"{path}.adain1.{n}", f"{path}.alpha1.{n}", x, channels)
            y = layers.conv(f"{path}.convs1.{n}", y, rate=rate, dilation=dilation)
            y = layers.snaked(f"{path}.adain2.{n}", f"{path}.alpha2.{n}", y, channels)
            y = layers.conv(f"{path}.convs2.{n}", y, rate=rate)
            x = self.graph.op("Add", x, y)
        return x

    def _audio(self, spectrum: str) -> None:
        """The inverse STFT: each stretch of five samples is a product of the four frames that reach it."""
        g = self.graph
        bins = _WINDOW // 2 + 1
        g.split(spectrum, [bins, bins], ["log_magnitude", "raw_phase"], axis=1)
        magnitude, phase = g.op("Exp", "log_magnitude"), g.op("Sin", "raw_phase")
        parts = [g.op("Mul", magnitude, g.op(kind, phase)) for kind in ("Cos", "Sin")]
        frames = g.op("Concat", *parts, axis=1)
        reach = _WINDOW // _HOP
        shifted = [g.padded(frames, back, reach - 1 - back) for back in range(reach)]
        # Kokoro's export multiplies by 4, the window over the hop, and never divides by the windows' sum.
        basis = 4.0 * self.weights.floats["inverse_basis"].reshape(2 * bins, reach, _HOP).transpose(1, 0, 2)
        matrix = g.floats("basis", basis.reshape(-1, _HOP))
        samples = g.op("Reshape", g.op("MatMul", g.op("Concat", *shifted, axis=1), matrix), g.integers(-1))
        margin = _WINDOW // 2
        g.op("Slice", samples, g.integers(margin), g.integers(-margin), output="audio")

    def _split_affine(self) -> None:
        """`affine` in its parts. Where Snake follows, both are taken times its alpha."""
        g = self.graph
        gains, ones, sizes, names = [], [], [], []
        for path, channels in self.layers.channels.items():
            alpha = self.layers.alphas.get(path)
            gain = self.weights.floats[alpha].ravel() if alpha else np.ones(channels, np.float32)
            gains += [gain, gain]
            ones += [gain, np.zeros(channels, np.float32)]
            sizes += [channels, channels]
            names += [f"{path}.gamma", f"{path}.beta"]
        gained = g.op("Mul", "affine", g.floats("gains", np.concatenate(gains)[None]), output="affine_gained")
        whole = g.op("Add", gained, g.floats("ones", np.concatenate(ones)[None]), output="affine_whole")
        g.split(whole, sizes, names, axis=1)


def _source(model: ModelProto) -> tuple[list[Any], list[Any]]:
    """Kokoro's own nodes from `f0` to the harmonics, and their constants."""
    from voxport.engine.cut import needed_for

    nodes, constants = needed_for(model, {"f0"}, [_HARMONICS])
    return nodes, constants
