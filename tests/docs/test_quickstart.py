"""The quick start with the real engine: its commands make a clone, and what they save is speech. Its Python runs with
the double only (`test_snippets.py`), since a clone takes ten seconds."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.snippets import snippets
from tests.support.server import run_cli
from tests.support.speaker import short_speaker
from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.decode import decode
from voxport.audio.vad import speech_spans
from voxport.testing.running_gateway import LiveGateway

pytestmark = pytest.mark.slow
PAGE = "docs/quickstart.md"


@pytest.fixture
def key(live: LiveGateway, tmp_path: Path) -> str:
    """The key of a new customer with credits, in whose folder there is a recording."""
    profile = voxport(live, "profiles", "create", "Newcomer")
    voxport(live, "credits", "add", profile, "20")
    (tmp_path / "me.wav").write_bytes(short_speaker())
    return voxport(live, "keys", "create", profile)


def test_the_commands_of_the_quick_start_speak_in_a_cloned_voice(
    live: LiveGateway, key: str, ffmpeg: Path, tmp_path: Path
) -> None:
    if shutil.which("jq") is None or shutil.which("curl") is None:
        pytest.skip("no jq or no curl here")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", filled(live, key)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.match(r"(Excellent|Good|Fair): \d", done.stdout)
    assert is_speech(tmp_path / "speech.mp3", ffmpeg)


def is_speech(path: Path, ffmpeg: Path) -> bool:
    return bool(speech_spans(decode(path, ffmpeg=ffmpeg), SAMPLE_RATE))


def filled(live: LiveGateway, key: str) -> str:
    code = "".join(one.code for one in snippets(PAGE) if one.language == "bash")
    return code.replace("vxp_…", key).replace("http://127.0.0.1:8000", live.url)


def voxport(live: LiveGateway, *arguments: str) -> str:
    """Run a command on the gateway's folder, and return the id or the key that it prints."""
    done = run_cli(*arguments, "--data-dir", str(live.data_dir), cwd=live.data_dir.parent)
    assert done.returncode == 0, done.stderr
    found = re.search(r"(?:prof|vxp)_\w+", done.stdout)
    assert found is not None, done.stdout
    return found[0]
