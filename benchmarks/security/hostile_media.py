"""Sends hostile files through the decoder and the sample check, as the gateway reads an upload:

    python benchmarks/security/hostile_media.py [--seeds 100]

The files are generated speech in each container, each mutated in `--seeds` ways; bombs, ten hours of silence, thousands
of streams, absurd headers; and files that refer to a canary file and a canary server on loopback, which must not be
read. With VOXPORT_SPEECH_DIR set, some of its recordings are mutated too. Exits with 1 if the reader dies or hangs,
fails with anything but an unusable sample, leaves something behind, or reaches a canary.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from benchmarks import reports
from benchmarks.security.hostile_files import make_good, mutate, others
from benchmarks.security.hostile_net import Canary
from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.decode import decode
from voxport.audio.codec.ffmpeg import find_ffmpeg
from voxport.audio.codec.wav import to_pcm16, wav_bytes
from voxport.errors import SampleUnusable
from voxport.samples.check import check
from voxport.testing.doubles.speech import synthesize

_SEEDS = 100
_PROCESSES = 2
ACCEPTED, CRASHED, HUNG = "accepted", "the reader died", "the reader hung"
_TIMEOUT_SECONDS = 90.0  # the decoder stops after 60 s; the rest is for the sample check on a busy machine
_TEXT = "The ferry leaves the island at seven in the morning, and comes back at nine with the post."
_RECORDINGS = 3  # number of real recordings; each is mutated as often as a generated one


@dataclass(frozen=True)
class MediaCase:
    """An existing file (`seed` None), or a mutation of it that may use the head of `other`."""

    group: str
    path: Path
    other: Path | None = None
    seed: int | None = None

    @property
    def name(self) -> str:
        return self.path.name if self.seed is None else f"{self.path.name} with seed {self.seed}"


@dataclass(frozen=True)
class MediaOutcome:
    """`answer` is one of the constants above, a refusal's reason, or `error: …`; `memory` is the peak of any child, in
    bytes."""

    case: MediaCase
    answer: str
    seconds: float
    memory: int
    children: int


@dataclass
class MediaFigures:
    outcomes: list[MediaOutcome] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    canary_reads: int = 0
    canary_visits: int = 0
    plain_reached: int = 0
    """How many of the two canaries an ffmpeg without our limits reaches. Unless it is 2, the test proves nothing."""

    @property
    def errors(self) -> list[str]:
        return [f"{one.case.name}: {one.answer}" for one in self.outcomes if one.answer.startswith("error")]

    @property
    def crashes(self) -> list[str]:
        return [one.case.name for one in self.outcomes if one.answer == CRASHED]

    @property
    def hangs(self) -> list[str]:
        return [one.case.name for one in self.outcomes if one.answer == HUNG]

    @property
    def passed(self) -> bool:
        wrong = (self.crashes, self.errors, self.hangs, self.leftovers)
        return not any(wrong) and self.canary_reads == self.canary_visits == 0 and self.plain_reached == 2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=_SEEDS, help="mutations of each file")
    figures = run(parser.parse_args().seeds, recordings=_recordings())
    for what in ("crashes", "errors", "hangs", "leftovers"):
        for line in getattr(figures, what):
            print(f"{what}: {line}")
    path = reports.write("media", report(figures))
    print(f"{len(figures.outcomes)} files, {'all as it must be' if figures.passed else 'WRONG'}: {path}")
    return 0 if figures.passed else 1


def run(seeds: int, *, recordings: Sequence[Path] = (), is_small: bool = False) -> MediaFigures:
    """Try `seeds` mutations of each good file and each recording, and all files that are not mutations. With
    `is_small`, only every fourth of each group of the latter, without bombs and crowds, which are slow to make."""
    figures = MediaFigures()
    with tempfile.TemporaryDirectory(prefix="voxport-media-") as name, _canary(Path(name)) as (canary, server):
        folder, temporary = Path(name) / "files", Path(name) / "temporary"
        folder.mkdir()
        temporary.mkdir()
        ffmpeg = find_ffmpeg()
        good = _good(folder, ffmpeg)
        listed = [*good, *recordings]
        cases = [MediaCase("good", path) for path in good]
        cases += [
            MediaCase(f"mutated {path.suffix[1:]}", path, listed[seed % len(listed)], 997 * number + seed)
            for number, path in enumerate(listed)
            for seed in range(seeds)
        ]
        url = f"http://127.0.0.1:{server.port}"
        cases += list(_others(folder, good[0], canary, url, ffmpeg, is_small=is_small))
        _decode_all(figures, cases, temporary, ffmpeg)
        figures.leftovers += [path.name for path in temporary.iterdir()]
        figures.leftovers += [f"a child of {one.case.name}" for one in figures.outcomes if one.children]
        figures.canary_reads, figures.canary_visits = int(_was_read(canary)), len(server.visits)
        _forget_reads(canary)
        for target in (canary.as_uri(), f"{url}/a.wav"):
            _play(target, folder / "plain.m3u8", ffmpeg)
        figures.plain_reached = int(_was_read(canary)) + (len(server.visits) > figures.canary_visits)
    return figures


def report(figures: MediaFigures) -> reports.Report:
    """Create the section for docs/reliability.md."""
    outcomes = figures.outcomes
    refused = Counter(one.answer for one in outcomes if one.answer != ACCEPTED)
    longest = max(outcomes, key=lambda one: one.seconds)
    groups: dict[str, list[MediaOutcome]] = {}
    for one in outcomes:
        groups.setdefault(one.case.group, []).append(one)
    return reports.Report(
        title="Hostile files",
        command="python benchmarks/security/hostile_media.py",
        passed=figures.passed,
        summary=[
            f"{len(outcomes)} files: {sum(one.answer == 'accepted' for one in outcomes)} accepted, "
            f"{sum(refused.values())} refused: {', '.join(f'{why} {count}' for why, count in refused.most_common())}.",
            f"Crashes of the reader: {len(figures.crashes)}; errors of our own: {len(figures.errors)}; "
            f"hangs: {len(figures.hangs)}.",
            f"The longest took {longest.seconds:.1f} s ({longest.case.name}); the most memory of a child was "
            f"{max(one.memory for one in outcomes) / 2**20:.0f} MiB.",
            f"Left behind: {len(figures.leftovers)} temporary files and processes. Canaries reached: "
            f"{figures.canary_reads} files, {figures.canary_visits} connections; by an ffmpeg without the gateway's "
            f"limits: {figures.plain_reached} of the 2.",
        ],
        columns=("Group", "Files", "Accepted", "Refused", "Longest, s"),
        rows=[
            (
                group,
                len(some),
                sum(one.answer == ACCEPTED for one in some),
                sum(one.answer != ACCEPTED for one in some),
                round(max(one.seconds for one in some), 1),
            )
            for group, some in groups.items()
        ],
    )


def _decode_all(figures: MediaFigures, cases: list[MediaCase], temporary: Path, ffmpeg: Path) -> None:
    def work(share: list[MediaCase]) -> list[MediaOutcome]:
        with _Reader(temporary, ffmpeg) as reader:
            return [reader.read(case) for case in share]

    with ThreadPoolExecutor(_PROCESSES) as threads:
        for outcomes in threads.map(work, [cases[number::_PROCESSES] for number in range(_PROCESSES)]):
            figures.outcomes += outcomes


class _Reader:
    """Runs a process that reads file after file. A process that dies or hangs is recorded and replaced."""

    def __init__(self, temporary: Path, ffmpeg: Path) -> None:
        self._arguments = (temporary, ffmpeg)
        self._begin()

    def read(self, case: MediaCase) -> MediaOutcome:
        began = time.monotonic()
        answer = HUNG
        try:
            self._pipe.send(case)
            if self._pipe.poll(_TIMEOUT_SECONDS):
                outcome: MediaOutcome = self._pipe.recv()
                return outcome
        except (EOFError, OSError):
            answer = CRASHED
        self._end()
        self._begin()
        return MediaOutcome(case, answer, time.monotonic() - began, 0, 0)

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, *self._arguments), daemon=True)
        self._process.start()
        theirs.close()

    def _end(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()


def _serve(pipe: Connection, temporary: Path, ffmpeg: Path) -> None:
    os.nice(5)
    tempfile.tempdir = str(temporary)
    with contextlib.suppress(EOFError):
        while True:
            pipe.send(read(pipe.recv(), ffmpeg))


def read(case: MediaCase, ffmpeg: Path) -> MediaOutcome:
    """Decode and check one file as the gateway does with an upload."""
    began = time.monotonic()
    try:
        with _file_of(case) as path:
            check(decode(path, ffmpeg=ffmpeg))
        answer = ACCEPTED
    except SampleUnusable as unusable:
        answer = str(unusable.details["reason"])
    except Exception as error:
        answer = f"error: {type(error).__name__}: {error}"
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1_024
    return MediaOutcome(case, answer, time.monotonic() - began, memory, len(_children()))


@contextlib.contextmanager
def _file_of(case: MediaCase) -> Iterator[Path]:
    if case.seed is None or case.other is None:
        yield case.path
        return
    path = Path(tempfile.gettempdir()).parent / f"mutated-{os.getpid()}"
    path.write_bytes(mutate(case.path.read_bytes(), case.other.read_bytes(), case.seed))
    try:
        yield path
    finally:
        path.unlink()


def _good(folder: Path, ffmpeg: Path) -> list[Path]:
    """Write five seconds of generated speech in each container. The first path is a plain WAV file."""
    recording = folder / "recording.wav"
    audio = np.clip(synthesize(_TEXT, 0)[: 6 * SAMPLE_RATE], -1, 1).astype(np.float32)
    recording.write_bytes(wav_bytes(to_pcm16(audio)))
    return make_good(folder, recording, ffmpeg)


def _others(
    folder: Path, good: Path, canary: Path, canary_url: str, ffmpeg: Path, *, is_small: bool
) -> Iterator[MediaCase]:
    seen: Counter[str] = Counter()
    for number, (group, name, write) in enumerate(others(good, canary, canary_url, ffmpeg)):
        seen[group] += 1
        if is_small and (group in ("bombs", "thousands of streams", "ten hours") or seen[group] % 4 != 1):
            continue
        path = folder / f"{number:04} {''.join(c if c.isalnum() else '_' for c in name)[:80]}"
        write(path)
        yield MediaCase(group, path)


@contextlib.contextmanager
def _canary(folder: Path) -> Iterator[tuple[Path, Canary]]:
    """Open the canaries: a recording beside the files, whose access time shows reads, and a server."""
    server, path = Canary(), folder / "canary.wav"
    path.write_bytes(wav_bytes(to_pcm16(np.full(SAMPLE_RATE * 5, 0.1, np.float32))))
    _forget_reads(path)
    path.read_bytes()
    if not _was_read(path):
        raise RuntimeError(f"{folder} is mounted without access times: set TMPDIR to another folder")
    _forget_reads(path)
    with server:
        yield path, server


def _play(target: str, playlist: Path, ffmpeg: Path) -> None:
    """Play a playlist with an ffmpeg whose protocol limits are removed."""
    playlist.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n")
    careless = ("-protocol_whitelist", "file,http,tcp", "-allowed_extensions", "ALL", "-extension_picky", "0")
    command = [str(ffmpeg), "-nostdin", "-loglevel", "error", *careless, "-i", str(playlist), "-f", "null", "-"]
    subprocess.run(command, capture_output=True, check=False, timeout=60)


def _forget_reads(path: Path) -> None:
    os.utime(path, (1, time.time()))


def _was_read(path: Path) -> bool:
    return path.stat().st_atime > 1


def _recordings() -> list[Path]:
    folder = os.environ.get("VOXPORT_SPEECH_DIR")
    if not folder:
        return []
    found = (path for path in sorted(Path(folder).rglob("*")) if path.suffix in (".wav", ".mp3", ".ogg", ".flac"))
    return [path for path in found if path.stat().st_size < 1_000_000][:_RECORDINGS]


def _children() -> list[str]:
    return [child for task in Path("/proc/self/task").iterdir() for child in (task / "children").read_text().split()]


if __name__ == "__main__":
    sys.exit(main())
