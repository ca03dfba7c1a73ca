"""The fit: its torch decoder, its losses, its optimizer, and how it resumes after a kill."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.audio_features import log_mels
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.audio.campplus import CampplusEncoder
from voxport.engine import Engine, EngineProcess, EngineUnavailable, EngineVoice
from voxport.engine.fit.fitting import speaker_distances
from voxport.engine.fit.optimizer import FitTarget, VoiceOptimizer
from voxport.engine.fit.sentences import SEGMENT_FRAMES, DecoderInput, SourceModule
from voxport.engine.fit.spectrum import LongTermSpectrum, SpectralEqFilter
from voxport.engine.fit.state import FitState
from voxport.engine.fit.torch_campplus import TorchCampplus
from voxport.engine.fit.torch_decoder import TorchDecoder
from voxport.engine.fit.torch_speaker_encoder import TorchSpeakerEncoder
from voxport.engine.fit.torch_weights import load_decoder_weights
from voxport.engine.kokoro.adain import ADAIN_SIZE, adain_slices
from voxport.engine.kokoro.planner import plan
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.voice import TIMBRE
from voxport.engine.kokoro.weights import load_split_model
from voxport.text.phonemizer import Phonemizer

pytestmark = pytest.mark.slow

SHORT = "The old boat drifted by."
OTHER = "Put the lamp near it."


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Two test processes share two cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def synthesizer() -> Synthesizer:
    return Synthesizer(load_split_model(), threads=1)


@pytest.fixture(scope="module")
def parts() -> tuple[TorchDecoder, SourceModule]:
    weights, source = load_decoder_weights()
    return TorchDecoder(weights), SourceModule(source)


def voice(name: str) -> EngineVoice:
    packs = stock_packs()
    return packs.voice(packs.ids.index(name))


def sentence(
    text: str,
    start: EngineVoice,
    synthesizer: Synthesizer,
    parts: tuple[TorchDecoder, SourceModule],
    phonemizer: Phonemizer,
) -> DecoderInput:
    return parts[1].decoder_input(plan(text, "en-us", phonemizer)[0], start, synthesizer)


def spoken(decoder: TorchDecoder, one: DecoderInput, timbre: FloatArray | None = None) -> FloatArray:
    with torch.no_grad():
        style = one.style if timbre is None else one.style + torch.from_numpy(timbre)
        audio = synthesized(decoder, one, decoder.affine(style) + one.adain_offsets)
    return np.asarray(audio.numpy())


def synthesized(decoder: TorchDecoder, one: DecoderInput, affine: torch.Tensor) -> torch.Tensor:
    return decoder(one.features, one.f0, one.noise, decoder.sources(one.source_tone, affine), affine)


@pytest.mark.parametrize("name", ["af_heart", "bm_george", "zf_xiaoxiao"])
def test_the_torch_decoder_sounds_as_the_graph_does(
    name: str, synthesizer: Synthesizer, parts: tuple[TorchDecoder, SourceModule], phonemizer: Phonemizer
) -> None:
    offsets = np.random.default_rng(1).normal(0.0, 0.1, ADAIN_SIZE).astype(np.float32)
    start = voice(name).with_adain_offsets(offsets)
    chunk = plan(SHORT, "en-us", phonemizer)[0]
    style = start.style(len(chunk.tokens))
    prediction = synthesizer.predict(chunk.tokens, style, 1.0)
    graph = synthesizer.decode(prediction, style, adain_offsets=offsets)
    without = synthesizer.decode(prediction, style)
    torch_audio = spoken(parts[0], sentence(SHORT, start, synthesizer, parts, phonemizer))
    assert torch_audio.size == graph.size
    ours, theirs, plain = (log_mels(audio).ravel() for audio in (torch_audio, graph, without))
    correlation = np.corrcoef([ours, theirs, plain])[0]
    assert correlation[1] > 0.99
    assert correlation[2] < correlation[1]  # the offsets are heard
    assert abs(10 * np.log10(np.mean(torch_audio**2) / np.mean(graph**2))) < 0.5


def test_the_segments_of_a_sentence_have_one_length_and_sound_as_they_do_in_it(
    synthesizer: Synthesizer, parts: tuple[TorchDecoder, SourceModule], phonemizer: Phonemizer
) -> None:
    whole = sentence(
        "The old boat drifted slowly along the quiet river.", voice("af_heart"), synthesizer, parts, phonemizer
    )
    audio, frame = spoken(parts[0], whole), SAMPLE_RATE // 40
    first, last = whole.segments()
    for segment, start in ((first, 10), (last, whole.features.shape[2] - 10 - SEGMENT_FRAMES)):
        alone = spoken(parts[0], segment)
        assert alone.size == SEGMENT_FRAMES * frame
        within = audio[start * frame : (start + SEGMENT_FRAMES) * frame]
        assert np.corrcoef(log_mels(alone).ravel(), log_mels(within).ravel())[0, 1] > 0.9


def test_a_sentence_that_is_shorter_than_a_segment_is_one(
    synthesizer: Synthesizer, parts: tuple[TorchDecoder, SourceModule], phonemizer: Phonemizer
) -> None:
    (only,) = sentence("Yes.", voice("af_heart"), synthesizer, parts, phonemizer).segments()
    assert spoken(parts[0], only).size > 0


def test_the_fit_s_ear_hears_what_the_engine_s_encoder_hears(engine: Engine) -> None:
    text = "It was a bright cold day, and the clocks were striking. Nobody looked up at the tower. Then it rained."
    audio = np.concatenate([engine.speak(chunk, voice("am_puck")) for chunk in engine.plan(text, "en-us")])
    heard = TorchSpeakerEncoder()(torch.from_numpy(audio)).numpy()
    assert float(heard @ engine.embed(audio)) > 0.985


def test_campplus_in_the_fit_hears_what_the_engine_s_encoder_hears(stranger: FloatArray) -> None:
    window = stranger[:48_000]
    encoder = TorchCampplus()
    frames, embeddings = encoder(encoder.log_mels(torch.from_numpy(window))[None])
    assert frames.shape[2] == 512
    assert float(embeddings[0].numpy() @ CampplusEncoder(threads=1).embed(window)) > 0.999


def test_half_precision_changes_neither_the_audio_nor_the_direction_of_the_gradient(
    synthesizer: Synthesizer, parts: tuple[TorchDecoder, SourceModule], phonemizer: Phonemizer
) -> None:
    one = sentence("Yes.", voice("af_heart"), synthesizer, parts, phonemizer)
    audio: list[FloatArray] = []
    gradients: list[torch.Tensor] = []
    for decoder in (parts[0], TorchDecoder(load_decoder_weights()[0], half=True)):
        affine = decoder.affine(one.style).requires_grad_()
        clip = synthesized(decoder, one, affine)
        clip.square().mean().backward()  # type: ignore[no-untyped-call]
        assert affine.grad is not None
        audio.append(log_mels(clip.detach().numpy()).ravel())
        gradients.append(affine.grad)
    assert np.corrcoef(audio[0], audio[1])[0, 1] > 0.99
    assert float(torch.cosine_similarity(gradients[0], gradients[1], dim=0)) > 0.99


def test_the_gradient_is_that_of_the_loss(
    synthesizer: Synthesizer, parts: tuple[TorchDecoder, SourceModule], phonemizer: Phonemizer
) -> None:
    one = sentence("Yes.", voice("af_heart"), synthesizer, parts, phonemizer)
    spectrum = LongTermSpectrum(max_hz=12_000)
    direction = torch.from_numpy(np.random.default_rng(1).normal(size=ADAIN_SIZE).astype(np.float32))
    direction = direction / direction.norm()
    affine = parts[0].affine(one.style)

    def loss(along: torch.Tensor) -> torch.Tensor:
        return spectrum(synthesized(parts[0], one, affine + along * direction)).square().mean()

    along = torch.zeros((), requires_grad=True)
    loss(along).backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        slope = float(loss(torch.tensor(0.5)) - loss(torch.tensor(-0.5)))
    assert along.grad is not None
    assert float(along.grad) == pytest.approx(slope, rel=0.1, abs=1e-3)


@dataclass(frozen=True)
class Fit:
    """A fit of one stock voice to another that speaks the same text."""

    optimizer: VoiceOptimizer
    validation: DecoderInput
    recording: FloatArray


@pytest.fixture(scope="module")
def fit(
    engine: Engine,
    synthesizer: Synthesizer,
    parts: tuple[TorchDecoder, SourceModule],
    phonemizer: Phonemizer,
) -> Fit:
    spectrum = LongTermSpectrum(max_hz=12_000)
    start, goal = voice("am_michael"), voice("am_onyx")
    recording = spoken(parts[0], sentence(SHORT + " " + OTHER, goal, synthesizer, parts, phonemizer))
    target = FitTarget(
        speaker_distances(recording, engine.embed(recording)), spectrum(torch.from_numpy(recording.copy()))
    )
    fitted = sentence(SHORT, start, synthesizer, parts, phonemizer).segments()[:1]
    validation = sentence(OTHER, start, synthesizer, parts, phonemizer).segments()[0]
    deviation = stock_packs().means[:, TIMBRE].std(axis=0)
    optimizer = VoiceOptimizer(
        parts[0], spectrum, fitted, [validation], target, deviation, SpectralEqFilter(start.spectral_eq)
    )
    return Fit(optimizer, validation, recording)


@pytest.fixture(scope="module")
def whole(fit: Fit) -> tuple[tuple[FloatArray, FloatArray], list[bytes]]:
    """The change that a fit of two steps makes, and its state after each step."""
    saved: list[bytes] = []
    change = fit.optimizer.run(FitState(), lambda state: saved.append(state.to_bytes()), steps=2)
    return change, saved


def test_a_few_steps_bring_an_unfitted_sentence_nearer_to_the_speaker_by_both_encoders(
    fit: Fit, whole: tuple[tuple[FloatArray, FloatArray], list[bytes]], parts: tuple[TorchDecoder, SourceModule]
) -> None:
    resemblyzer, campplus = TorchSpeakerEncoder(), CampplusEncoder(threads=1)

    def nearness(timbre: FloatArray, offsets: FloatArray) -> FloatArray:
        moved = replace(fit.validation, adain_offsets=torch.from_numpy(offsets))
        audio = spoken(parts[0], moved, timbre)
        heard, wanted = (resemblyzer(torch.from_numpy(one.copy())) for one in (audio, fit.recording))
        return np.array([float(heard @ wanted), float(campplus.embed(audio) @ campplus.embed(fit.recording))])

    # The last step counts, even if it is not a fourth one.
    (timbre, offsets), _ = whole
    assert (nearness(timbre, offsets) > nearness(0 * timbre, 0 * offsets) + 0.01).all()


def test_the_fit_leaves_the_source_s_norms_as_they_were(
    whole: tuple[tuple[FloatArray, FloatArray], list[bytes]], parts: tuple[TorchDecoder, SourceModule]
) -> None:
    (timbre, offsets), _ = whole
    total = parts[0].affine_change(torch.from_numpy(timbre)).numpy() + offsets
    for path, part in adain_slices().items():
        assert (np.abs(total[part]).max() > 1e-4) == ("noise_res" not in path)


def test_a_killed_fit_goes_on_from_its_last_saved_step(
    fit: Fit, whole: tuple[tuple[FloatArray, FloatArray], list[bytes]]
) -> None:
    change, saved = whole
    rest: list[int] = []
    resumed = fit.optimizer.run(FitState.from_bytes(saved[0]), lambda state: rest.append(state.step), steps=2)
    assert rest == [2]
    for ours, theirs in zip(resumed, change, strict=True):
        assert np.abs(theirs).max() > 0
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("damaged", [b"", b"PK\x03\x04", b"not a state"])
def test_a_damaged_state_is_no_state(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="no state"):
        FitState.from_bytes(damaged)


@pytest.fixture(scope="module")
def stranger(engine: Engine) -> FloatArray:
    text = "It was a bright cold day, and the clocks were striking."
    return np.concatenate([engine.speak(chunk, voice("em_alex")) for chunk in engine.plan(text, "en-us")])


@pytest.fixture(scope="module")
def endless() -> Iterator[EngineProcess]:
    """An engine process whose fits take half an hour."""
    process = EngineProcess(threads=1, fit_steps=1_000)
    yield process
    process.close()


@pytest.fixture(scope="module")
def cancelled(endless: EngineProcess, stranger: FloatArray) -> tuple[Path, bytes]:
    """An enrolment that was cancelled after its first step: the `/proc` folder of its process, and its state."""
    ran: list[tuple[Path, bytes]] = []

    def cancel(_: float, state: bytes) -> None:
        if state:
            ran.append((Path(f"/proc/{endless.pid}"), state))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        endless.enrol(stranger, on_progress=cancel)
    return ran[0]


def test_a_cancel_ends_the_fit_and_its_process_at_once(cancelled: tuple[Path, bytes]) -> None:
    end = time.monotonic() + 120  # the rest of the fit takes much longer
    while cancelled[0].exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_enrolment_goes_on_in_the_next_process_and_a_kill_of_that_fails_it(
    endless: EngineProcess, cancelled: tuple[Path, bytes], stranger: FloatArray
) -> None:
    reached = FitState.from_bytes(cancelled[1]).step
    assert reached >= 1
    again: list[int] = []

    def kill(_: float, state: bytes) -> None:
        if state:
            again.append(FitState.from_bytes(state).step)
            if endless.pid is not None:
                os.kill(endless.pid, signal.SIGKILL)

    with pytest.raises(EngineUnavailable):
        endless.enrol(stranger, on_progress=kill, checkpoint=cancelled[1])
    assert again[0] == reached + 1
