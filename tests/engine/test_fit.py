"""The fit: its twin of the network, its ear, its descent, and how it survives a kill."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.support.listening import log_mels
from voxport.audio.arrays import SAMPLE_RATE, Floats
from voxport.engine import Engine, EngineProcess, EngineUnavailable, Voice
from voxport.engine.fit.losses import Encoder, Spectrum, Tone
from voxport.engine.fit.optimizer import Aim, Descent, State
from voxport.engine.fit.sentences import FRAMES, Sentence, Source
from voxport.engine.fit.torch_decoder import Decoder
from voxport.engine.fit.torch_weights import decoder_parts
from voxport.engine.kokoro.planner import plan
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.synthesizer import Synthesizer
from voxport.engine.kokoro.voice import TIMBRE
from voxport.engine.kokoro.weights import load_halves
from voxport.text.phonemizer import Phonemizer

pytestmark = pytest.mark.slow

SHORT = "The old boat drifted by."
OTHER = "Put the lamp near it."


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Two processes of tests share two cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def synthesizer() -> Synthesizer:
    return Synthesizer(load_halves(), threads=1)


@pytest.fixture(scope="module")
def parts() -> tuple[Decoder, Source]:
    weights, source = decoder_parts()
    return Decoder(weights), Source(source)


def voice(name: str) -> Voice:
    packs = stock_packs()
    return packs.voice(packs.ids.index(name))


def sentence(
    text: str, start: Voice, synthesizer: Synthesizer, parts: tuple[Decoder, Source], phonemizer: Phonemizer
) -> Sentence:
    return parts[1].sentence(plan(text, "en-us", phonemizer)[0], start, synthesizer)


def spoken(decoder: Decoder, one: Sentence) -> Floats:
    with torch.no_grad():
        audio = decoder(one.features, one.f0, one.noise, one.tone, one.style)
    return np.asarray(audio.numpy())


@pytest.mark.parametrize("name", ["af_heart", "bm_george", "zf_xiaoxiao"])
def test_the_twin_sounds_as_the_graph_does(
    name: str, synthesizer: Synthesizer, parts: tuple[Decoder, Source], phonemizer: Phonemizer
) -> None:
    start = voice(name)
    chunk = plan(SHORT, "en-us", phonemizer)[0]
    style = start.style(len(chunk.tokens))
    graph = synthesizer.decode(synthesizer.predict(chunk.tokens, style, 1.0), style)
    twin = spoken(parts[0], sentence(SHORT, start, synthesizer, parts, phonemizer))
    assert twin.size == graph.size
    ours, theirs = log_mels(twin), log_mels(graph)
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] > 0.99
    assert abs(10 * np.log10(np.mean(twin**2) / np.mean(graph**2))) < 0.5


def test_the_stretches_of_a_sentence_have_one_length_and_sound_as_they_do_in_it(
    synthesizer: Synthesizer, parts: tuple[Decoder, Source], phonemizer: Phonemizer
) -> None:
    whole = sentence(
        "The old boat drifted slowly along the quiet river.", voice("af_heart"), synthesizer, parts, phonemizer
    )
    audio, frame = spoken(parts[0], whole), SAMPLE_RATE // 40
    first, last = whole.stretches()
    for stretch, start in ((first, 10), (last, whole.features.shape[2] - 10 - FRAMES)):
        alone = spoken(parts[0], stretch)
        assert alone.size == FRAMES * frame
        within = audio[start * frame : (start + FRAMES) * frame]
        assert np.corrcoef(log_mels(alone).ravel(), log_mels(within).ravel())[0, 1] > 0.9


def test_a_sentence_that_is_shorter_than_a_stretch_is_one(
    synthesizer: Synthesizer, parts: tuple[Decoder, Source], phonemizer: Phonemizer
) -> None:
    (only,) = sentence("Yes.", voice("af_heart"), synthesizer, parts, phonemizer).stretches()
    assert spoken(parts[0], only).size > 0


def test_the_fit_s_ear_hears_what_the_engine_s_encoder_hears(engine: Engine) -> None:
    text = "It was a bright cold day, and the clocks were striking. Nobody looked up at the tower. Then it rained."
    audio = np.concatenate([engine.speak(chunk, voice("am_puck")) for chunk in engine.plan(text, "en-us")])
    heard = Encoder()(torch.from_numpy(audio)).numpy()
    assert float(heard @ engine.embed(audio)) > 0.985


def test_the_gradient_is_that_of_the_loss(
    synthesizer: Synthesizer, parts: tuple[Decoder, Source], phonemizer: Phonemizer
) -> None:
    one = sentence("Yes.", voice("af_heart"), synthesizer, parts, phonemizer)
    spectrum = Spectrum(highest_hz=12_000)
    direction = torch.from_numpy(np.random.default_rng(1).normal(size=128).astype(np.float32))
    direction = direction / direction.norm()

    def loss(along: torch.Tensor) -> torch.Tensor:
        audio = parts[0](one.features, one.f0, one.noise, one.tone, one.style + along * direction)
        return spectrum(audio)[0].square().mean()

    along = torch.zeros((), requires_grad=True)
    loss(along).backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        slope = float((loss(torch.tensor(0.02)) - loss(torch.tensor(-0.02))) / 0.04)
    assert along.grad is not None
    assert float(along.grad) == pytest.approx(slope, rel=0.1, abs=1e-3)


@pytest.fixture(scope="module")
def descent(
    synthesizer: Synthesizer, parts: tuple[Decoder, Source], phonemizer: Phonemizer
) -> tuple[Descent, Aim, Sentence]:
    """From one stock voice towards another that speaks the same, so that it is known how near one can come."""
    encoder, spectrum = Encoder(), Spectrum(highest_hz=12_000)
    start, goal = voice("am_michael"), voice("am_onyx")
    wanted = torch.from_numpy(
        spoken(parts[0], sentence(SHORT + " " + OTHER, goal, synthesizer, parts, phonemizer)).copy()
    )
    aim = Aim(encoder(wanted), spectrum(wanted))
    fitted = [sentence(SHORT, start, synthesizer, parts, phonemizer)]
    check = sentence(OTHER, start, synthesizer, parts, phonemizer)
    spread = stock_packs().means[:, TIMBRE].std(axis=0)
    return Descent(parts[0], encoder, spectrum, fitted, [check], aim, spread, Tone(start.tone)), aim, check


@pytest.fixture(scope="module")
def whole(descent: tuple[Descent, Aim, Sentence]) -> tuple[Floats, list[bytes]]:
    """What a fit of two steps changes, and its state after each."""
    saved: list[bytes] = []
    change = descent[0].run(State(), lambda state: saved.append(state.to_bytes()), steps=2)
    return change, saved


def test_a_few_steps_bring_an_unfitted_sentence_nearer_to_the_speaker(
    descent: tuple[Descent, Aim, Sentence], whole: tuple[Floats, list[bytes]], parts: tuple[Decoder, Source]
) -> None:
    _, aim, check = descent
    encoder = Encoder()

    def nearness(moved: Floats) -> float:
        with torch.no_grad():
            style = check.style + torch.from_numpy(moved)
            audio = parts[0](check.features, check.f0, check.noise, check.tone, style)
            return float(encoder(audio) @ aim.embedding)

    # The last step counts, also where it is no fourth one.
    assert nearness(whole[0]) > nearness(np.zeros(128, np.float32)) + 0.02


def test_a_killed_fit_goes_on_from_its_last_saved_step(
    descent: tuple[Descent, Aim, Sentence], whole: tuple[Floats, list[bytes]]
) -> None:
    change, saved = whole
    rest: list[int] = []
    resumed = descent[0].run(State.from_bytes(saved[0]), lambda state: rest.append(state.step), steps=2)
    assert rest == [2]
    assert np.abs(change).max() > 0
    np.testing.assert_allclose(resumed, change, atol=1e-4)


@pytest.mark.parametrize("damaged", [b"", b"PK\x03\x04", b"not a state"])
def test_a_damaged_state_is_no_state(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="no state"):
        State.from_bytes(damaged)


@pytest.fixture(scope="module")
def stranger(engine: Engine) -> Floats:
    text = "It was a bright cold day, and the clocks were striking."
    return np.concatenate([engine.speak(chunk, voice("em_alex")) for chunk in engine.plan(text, "en-us")])


@pytest.fixture(scope="module")
def endless() -> Iterator[EngineProcess]:
    """A process whose fits take half an hour."""
    process = EngineProcess(threads=1, fit_steps=1_000)
    yield process
    process.close()


@pytest.fixture(scope="module")
def cancelled(endless: EngineProcess, stranger: Floats) -> tuple[Path, bytes]:
    """An enrolment whose caller gave up after the first step: the process that it ran in, and its state."""
    ran: list[tuple[Path, bytes]] = []

    def cancel(_: float, state: bytes) -> None:
        if state:
            ran.append((Path(f"/proc/{endless.pid}"), state))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        endless.enrol(stranger, tell=cancel)
    return ran[0]


def test_a_cancel_ends_the_fit_and_its_process_at_once(cancelled: tuple[Path, bytes]) -> None:
    end = time.monotonic() + 120  # the rest of the fit takes longer by far
    while cancelled[0].exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_enrolment_goes_on_in_the_next_process_and_a_kill_of_that_fails_it(
    endless: EngineProcess, cancelled: tuple[Path, bytes], stranger: Floats
) -> None:
    reached = State.from_bytes(cancelled[1]).step
    assert reached >= 1
    again: list[int] = []

    def kill(_: float, state: bytes) -> None:
        if state:
            again.append(State.from_bytes(state).step)
            if endless.pid is not None:
                os.kill(endless.pid, signal.SIGKILL)

    with pytest.raises(EngineUnavailable):
        endless.enrol(stranger, tell=kill, saved=cancelled[1])
    assert again[0] == reached + 1
