"""The fit: its torch decoder, its losses, its optimizer, and how it resumes after a kill."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.audio_features import log_mels
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.engine import Engine, EngineProcess, EngineUnavailable, EngineVoice
from voxport.engine.fit.losses import LongTermSpectrum, SpectralEqFilter, TorchSpeakerEncoder
from voxport.engine.fit.optimizer import FitState, FitTarget, TimbreOptimizer
from voxport.engine.fit.sentences import SEGMENT_FRAMES, DecoderInput, SourceModule
from voxport.engine.fit.torch_decoder import TorchDecoder
from voxport.engine.fit.torch_weights import load_decoder_weights
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


def spoken(decoder: TorchDecoder, one: DecoderInput) -> FloatArray:
    with torch.no_grad():
        audio = decoder(one.features, one.f0, one.noise, one.source_tone, one.style)
    return np.asarray(audio.numpy())


@pytest.mark.parametrize("name", ["af_heart", "bm_george", "zf_xiaoxiao"])
def test_the_torch_decoder_sounds_as_the_graph_does(
    name: str, synthesizer: Synthesizer, parts: tuple[TorchDecoder, SourceModule], phonemizer: Phonemizer
) -> None:
    start = voice(name)
    chunk = plan(SHORT, "en-us", phonemizer)[0]
    style = start.style(len(chunk.tokens))
    graph = synthesizer.decode(synthesizer.predict(chunk.tokens, style, 1.0), style)
    torch_audio = spoken(parts[0], sentence(SHORT, start, synthesizer, parts, phonemizer))
    assert torch_audio.size == graph.size
    ours, theirs = log_mels(torch_audio), log_mels(graph)
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.99
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


def test_the_gradient_is_that_of_the_loss(
    synthesizer: Synthesizer, parts: tuple[TorchDecoder, SourceModule], phonemizer: Phonemizer
) -> None:
    one = sentence("Yes.", voice("af_heart"), synthesizer, parts, phonemizer)
    spectrum = LongTermSpectrum(max_hz=12_000)
    direction = torch.from_numpy(np.random.default_rng(1).normal(size=128).astype(np.float32))
    direction = direction / direction.norm()

    def loss(along: torch.Tensor) -> torch.Tensor:
        audio = parts[0](one.features, one.f0, one.noise, one.source_tone, one.style + along * direction)
        return spectrum(audio)[0].square().mean()

    along = torch.zeros((), requires_grad=True)
    loss(along).backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        slope = float((loss(torch.tensor(0.02)) - loss(torch.tensor(-0.02))) / 0.04)
    assert along.grad is not None
    assert float(along.grad) == pytest.approx(slope, rel=0.1, abs=1e-3)


@pytest.fixture(scope="module")
def optimizer(
    synthesizer: Synthesizer, parts: tuple[TorchDecoder, SourceModule], phonemizer: Phonemizer
) -> tuple[TimbreOptimizer, FitTarget, DecoderInput]:
    """Fits one stock voice to another that speaks the same text, so that the best possible result is known."""
    encoder, spectrum = TorchSpeakerEncoder(), LongTermSpectrum(max_hz=12_000)
    start, goal = voice("am_michael"), voice("am_onyx")
    wanted = torch.from_numpy(
        spoken(parts[0], sentence(SHORT + " " + OTHER, goal, synthesizer, parts, phonemizer)).copy()
    )
    target = FitTarget(encoder(wanted), spectrum(wanted))
    fitted = [sentence(SHORT, start, synthesizer, parts, phonemizer)]
    validation = sentence(OTHER, start, synthesizer, parts, phonemizer)
    deviation = stock_packs().means[:, TIMBRE].std(axis=0)
    return (
        TimbreOptimizer(
            parts[0], encoder, spectrum, fitted, [validation], target, deviation, SpectralEqFilter(start.spectral_eq)
        ),
        target,
        validation,
    )


@pytest.fixture(scope="module")
def whole(optimizer: tuple[TimbreOptimizer, FitTarget, DecoderInput]) -> tuple[FloatArray, list[bytes]]:
    """The change that a fit of two steps makes, and its state after each step."""
    saved: list[bytes] = []
    change = optimizer[0].run(FitState(), lambda state: saved.append(state.to_bytes()), steps=2)
    return change, saved


def test_a_few_steps_bring_an_unfitted_sentence_nearer_to_the_speaker(
    optimizer: tuple[TimbreOptimizer, FitTarget, DecoderInput],
    whole: tuple[FloatArray, list[bytes]],
    parts: tuple[TorchDecoder, SourceModule],
) -> None:
    _, target, validation = optimizer
    encoder = TorchSpeakerEncoder()

    def nearness(moved: FloatArray) -> float:
        with torch.no_grad():
            style = validation.style + torch.from_numpy(moved)
            audio = parts[0](validation.features, validation.f0, validation.noise, validation.source_tone, style)
            return float(encoder(audio) @ target.embedding)

    # The last step counts, even if it is not a fourth one.
    assert nearness(whole[0]) > nearness(np.zeros(128, np.float32)) + 0.02


def test_a_killed_fit_goes_on_from_its_last_saved_step(
    optimizer: tuple[TimbreOptimizer, FitTarget, DecoderInput], whole: tuple[FloatArray, list[bytes]]
) -> None:
    change, saved = whole
    rest: list[int] = []
    resumed = optimizer[0].run(FitState.from_bytes(saved[0]), lambda state: rest.append(state.step), steps=2)
    assert rest == [2]
    assert np.abs(change).max() > 0
    np.testing.assert_allclose(resumed, change, atol=1e-4)


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
