"""Builds `assets/speaker_correction.npz`: which change of a voice changes what the two speaker encoders hear, and how.

    python scripts/build_speaker_correction.py gradients.npz --voices 60   # about ten minutes on one core
    python scripts/build_speaker_correction.py gradients.npz               # from the existing gradients

For random voices (mixes of stock voices with noise, as in `build_initial_style.py`) that speak a short sentence, the
gradient of an encoder's embedding along a direction is taken through the whole decoder, to the timbre and to the norms'
offsets (`kokoro/adain.py`). The means over the voices are the rows of a Jacobian, J. A voice that is heard as e and
should be heard as t is changed by the regularised Newton step D J' (J D J' + lambda I)^-1 (t - e), D being the weights
of timbre and offsets. The directions are the principal ones of the embeddings of such voices. No recording of a person
is used.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from build_initial_style import SENTENCES as INITIAL_STYLE_SENTENCES
from voxport.audio.arrays import FloatArray
from voxport.engine.engine import Engine
from voxport.engine.fit.sentences import DecoderInput, SourceModule
from voxport.engine.fit.torch_campplus import TorchCampplus
from voxport.engine.fit.torch_decoder import TorchDecoder
from voxport.engine.fit.torch_speaker_encoder import TorchSpeakerEncoder
from voxport.engine.fit.torch_weights import load_decoder_weights
from voxport.engine.kokoro.adain import ADAIN_SIZE, adain_slices
from voxport.engine.kokoro.stock_voices import StockPacks, stock_packs
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.voice import TIMBRE, EngineVoice
from voxport.engine.kokoro.weights import load_split_model

TARGET = Path(__file__).parents[1] / "src/voxport/engine/assets/speaker_correction.npz"
SEED: Final = 5
DIRECTIONS: Final = 48  # of each encoder
VOICES_FOR_DIRECTIONS: Final = 240
GRADIENTS_PER_VOICE: Final = 24
STYLE_WEIGHT: Final = 4.0
"""D of the timbre, in deviations of the stock voices; that of the offsets is 1."""
RIDGE: Final = 0.3
"""Lambda, relative to the mean eigenvalue of J D J'. With STYLE_WEIGHT chosen on the cohort of strangers."""
SENTENCES: Final = INITIAL_STYLE_SENTENCES[:12]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("gradients", type=Path)
    parser.add_argument("--voices", type=int, default=0, help="take gradients of so many voices")
    arguments = parser.parse_args()
    if arguments.voices:
        _Recorder().record(arguments.gradients, arguments.voices)
    with np.load(arguments.gradients) as stored:
        _build({name: stored[name] for name in stored.files})


class _Recorder:
    """Speaks in random voices, and takes gradients."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(SEED)
        self._packs: StockPacks = stock_packs()
        self._deviation = self._packs.means[:, TIMBRE].std(axis=0)
        self._engine = Engine.load(threads=1)
        self._synthesizer = Synthesizer(load_split_model(), threads=1)
        weights, source_graph = load_decoder_weights()
        self._source = SourceModule(source_graph)
        self._decoder = TorchDecoder(weights, half=bool(torch.cpu.get_capabilities().get("avx512_bf16")))
        self._resemblyzer, self._campplus = TorchSpeakerEncoder(), TorchCampplus()
        torch.set_num_threads(1)

    def record(self, path: Path, voices: int) -> None:
        """Take the gradients of `voices` voices, and store their sums by direction."""
        directions = self._directions()
        sums = np.zeros((2 * DIRECTIONS, 128 + ADAIN_SIZE), np.float32)
        counts = np.zeros(2 * DIRECTIONS)
        for voice in range(voices):
            chosen = self._random.choice(2 * DIRECTIONS, GRADIENTS_PER_VOICE, replace=False)
            style, offsets, embeddings = self._hear(self._segment())
            for row in chosen:
                encoder, direction = divmod(int(row), DIRECTIONS)
                along = embeddings[encoder] @ torch.from_numpy(directions[encoder][direction])
                gradients = torch.autograd.grad(along, [style, offsets], retain_graph=True)
                sums[row] += torch.cat(gradients).numpy()
                counts[row] += 1
            print(f"{voice + 1} of {voices} voices", flush=True)
        effect = self._decoder.affine_change(torch.diag(torch.from_numpy(self._deviation))).numpy()
        np.savez(path, gradients=sums / np.maximum(counts, 1)[:, None], resemblyzer=directions[0],
                 campplus=directions[1], style_effect=effect)  # fmt: skip

    def _directions(self) -> list[FloatArray]:
        """The principal directions of each encoder's embeddings of random voices: [48, 256] and [48, 192]."""
        heard: list[list[FloatArray]] = [[], []]
        for _ in range(VOICES_FOR_DIRECTIONS):
            with torch.no_grad():
                _, _, embeddings = self._hear(self._segment())
            for values, embedding in zip(heard, embeddings, strict=True):
                values.append(embedding.numpy())
        return [_principal(np.stack(values)) for values in heard]

    def _hear(self, segment: DecoderInput) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Returns the change of the timbre [128], in deviations, and of the norms, both 0, and the embeddings of the
        segment's audio by both encoders as functions of them."""
        style, offsets = torch.zeros(128, requires_grad=True), torch.zeros(ADAIN_SIZE, requires_grad=True)
        with torch.no_grad():
            affine = self._decoder.affine(segment.style)
            sources = self._decoder.sources(segment.source_tone, affine)
        moved = self._decoder.affine_change(torch.from_numpy(self._deviation) * style) + offsets
        audio = self._decoder(segment.features, segment.f0, segment.noise, sources, affine + moved)
        return style, offsets, [self._resemblyzer(audio), self._campplus(self._campplus.log_mels(audio)[None])[1][0]]

    def _segment(self) -> DecoderInput:
        """A stretch of a random sentence in a random voice, at a random pitch from 85 to 260 Hz."""
        random, packs = self._random, self._packs
        count = random.integers(1, 5)
        timbre, rhythm = np.zeros(len(packs.ids)), np.zeros(len(packs.ids))
        timbre[random.choice(len(packs.ids), count, replace=False)] = random.dirichlet(np.ones(count))
        rhythm[random.choice([i for i, voice_id in enumerate(packs.ids) if voice_id[0] in "ab"])] = 1.0
        noise = random.normal(0, 1, 128) * self._deviation * random.choice([0.0, 0.3, 0.6])
        voice: EngineVoice = packs.blend(timbre, rhythm, "en-us").with_timbre(noise.astype(np.float32))
        chunk = self._engine.plan(SENTENCES[random.integers(len(SENTENCES))], "en-us")[0]
        wanted = random.uniform(np.log(85), np.log(260))
        offset = float(np.clip(wanted - np.log(self._engine.predict_median_f0(chunk, voice)), -0.5, 0.5))
        voice = voice.with_f0(offset=offset, slope=1.0, median=None)
        segments = self._source.decoder_input(chunk, voice, self._synthesizer).segments()
        return segments[random.integers(len(segments))]


def _principal(embeddings: FloatArray) -> FloatArray:
    directions = np.linalg.svd(embeddings - embeddings.mean(axis=0), full_matrices=False)[2]
    return np.asarray(directions[:DIRECTIONS], np.float32)


def _build(stored: dict[str, FloatArray]) -> None:
    jacobian = stored["gradients"].astype(np.float64)
    is_fitted = np.ones(ADAIN_SIZE, bool)
    for path, part in adain_slices().items():
        is_fitted[part] = "noise_res" not in path
    jacobian[:, 128:] *= is_fitted
    weights = np.concatenate([np.full(128, STYLE_WEIGHT), np.ones(ADAIN_SIZE)])
    gram = (jacobian * weights) @ jacobian.T
    ridge = RIDGE * np.trace(gram) / len(gram)
    step = (jacobian * weights).T @ np.linalg.inv(gram + ridge * np.eye(len(gram)))  # [parameters, directions]
    # The norms of the source keep their numbers: the timbre's effect on them is taken back, as in the fit.
    step[128:][~is_fitted] = -(stored["style_effect"].T @ step[:128])[~is_fitted]
    heard = np.zeros((2 * DIRECTIONS, 256 + 192))
    heard[:DIRECTIONS, :256], heard[DIRECTIONS:, 256:] = stored["resemblyzer"], stored["campplus"]
    scale = np.abs(step).max(axis=0) / 127
    np.savez_compressed(
        TARGET,
        asset=stock_packs().identity,
        heard=heard.astype(np.float16),
        scale=scale.astype(np.float32),
        step=np.round(step / scale).T.astype(np.int8),
    )
    print(f"{TARGET.name}: {TARGET.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
