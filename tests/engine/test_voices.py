"""Stock voices, and voice files."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from voxport.engine import LANGUAGES, EngineVoice, VoiceFileError, stock_voice_list
from voxport.engine.kokoro.adain import ADAIN_SIZE
from voxport.engine.kokoro.spectral_eq import EQ_BANDS
from voxport.engine.kokoro.stock_voices import stock_packs
from voxport.engine.kokoro.voice_blend import stock_embeddings


def a_voice() -> EngineVoice:
    packs = stock_packs()
    weights = np.zeros(len(packs.ids))
    weights[[3, 20]] = 0.7, 0.3
    voice = packs.blend(weights, weights, "en-us").with_f0(offset=-0.25, slope=0.9, median=123.4)
    return voice.with_rate(0.9).with_spectral_eq(np.linspace(-1.0, 2.0, EQ_BANDS, dtype=np.float32))


def test_the_stock_voices_that_are_listed_speak_a_language_of_the_engine() -> None:
    voices = stock_voice_list()
    assert len(stock_packs().ids) == 54
    assert {voice.language for voice in voices} == set(LANGUAGES)
    heart = next(voice for voice in voices if voice.id == "af_heart")
    assert (heart.name, heart.language, heart.gender) == ("Heart", "en-us", "female")


def test_listing_the_voices_loads_no_network() -> None:
    program = (
        "import sys, voxport.engine; voxport.engine.stock_voice_list();"
        "assert not {'onnxruntime', 'onnx'} & set(sys.modules), 'a network library was imported'"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_table_of_embeddings_belongs_to_the_stock_voices() -> None:
    assert stock_embeddings().asset == stock_packs().identity
    assert len(stock_embeddings().embeddings) == len(stock_packs().ids)


def test_a_mix_of_packs_has_the_weighted_style_at_every_length() -> None:
    packs = stock_packs()
    expected = 0.7 * packs.voice(3).pack() + 0.3 * packs.voice(20).pack()
    assert np.abs(a_voice().pack() - expected).max() < 2e-3


def test_timbre_and_prosody_can_come_from_different_voices() -> None:
    packs = stock_packs()
    one, other = np.eye(len(packs.ids))[[5, 30]]
    pack = packs.blend(one, other, "en-us").pack()
    assert np.abs(pack[:, :128] - packs.voice(5).pack()[:, :128]).max() < 2e-3
    assert np.abs(pack[:, 128:] - packs.voice(30).pack()[:, 128:]).max() < 2e-3


def test_a_voice_comes_back_from_its_file() -> None:
    voice = a_voice()
    content = voice.to_bytes()
    assert len(content) < 16_000
    back = EngineVoice.from_bytes(content, asset=voice.asset)
    assert np.abs(back.pack() - voice.pack()).max() < 2e-3
    np.testing.assert_allclose(back.spectral_eq, voice.spectral_eq, atol=2e-3)
    assert (back.f0_offset, back.f0_slope, back.median_f0, back.language) == (-0.25, 0.9, 123.4, "en-us")


def test_a_voice_with_offsets_of_the_norms_comes_back_from_its_file() -> None:
    offsets = np.linspace(-0.5, 0.5, ADAIN_SIZE, dtype=np.float32)
    voice = a_voice().with_adain_offsets(offsets)
    content = voice.to_bytes()
    assert len(content) < 100_000
    np.testing.assert_allclose(EngineVoice.from_bytes(content).adain_offsets, offsets, atol=1e-3)


def of_version(content: bytes, version: int) -> bytes:
    """A voice file with another version in its header."""
    changed = content[:-32].replace(b'"version": 4', f'"version": {version}'.encode())
    return changed + hashlib.sha256(changed).digest()


def test_a_voice_file_of_version_3_is_read_as_a_voice_without_offsets() -> None:
    voice = a_voice()
    back, old = (EngineVoice.from_bytes(of_version(voice.to_bytes(), version)) for version in (4, 3))
    assert not old.adain_offsets.any()
    assert old.adain_offsets.size == ADAIN_SIZE
    np.testing.assert_array_equal(old.pack(), back.pack())
    np.testing.assert_array_equal(old.spectral_eq, back.spectral_eq)


@pytest.mark.parametrize("count", [1, ADAIN_SIZE - 1, ADAIN_SIZE + 1])
def test_a_voice_file_with_a_part_of_the_offsets_is_refused(count: int) -> None:
    content = a_voice().to_bytes()[:-32] + np.ones(count, "<f2").tobytes()
    with pytest.raises(VoiceFileError, match="damaged"):
        EngineVoice.from_bytes(content + hashlib.sha256(content).digest())


@pytest.mark.parametrize("position", [12, 40, 500, 9000, -1])
def test_a_voice_file_with_one_wrong_byte_is_refused(position: int) -> None:
    content = bytearray(a_voice().to_bytes())
    content[position] ^= 1
    with pytest.raises(VoiceFileError):
        EngineVoice.from_bytes(bytes(content))


@pytest.mark.parametrize("length", [0, 5, 40, 5000])
def test_a_voice_file_that_was_cut_off_is_refused(length: int) -> None:
    with pytest.raises(VoiceFileError):
        EngineVoice.from_bytes(a_voice().to_bytes()[:length])


def test_a_voice_of_another_version_is_refused_with_what_to_do() -> None:
    with pytest.raises(VoiceFileError, match="Make it again from its sample"):
        EngineVoice.from_bytes(of_version(a_voice().to_bytes(), 2))


def test_a_voice_made_from_other_stock_voices_is_refused() -> None:
    with pytest.raises(VoiceFileError, match="other stock voices"):
        EngineVoice.from_bytes(a_voice().to_bytes(), asset="0123456789ab")


def test_a_voice_file_names_its_engine_and_asset() -> None:
    content = a_voice().to_bytes()
    header = json.loads(content[12 : content.index(b"}") + 1])
    assert header["engine"] == "kokoro-82m-v1.0"
    assert header["asset"] == stock_packs().identity
