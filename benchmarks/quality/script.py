"""Renders a script of 900 lines and 12 characters, whose worker is killed twice, and a line of which then changes:

    make bench-setup && .venv/bin/python benchmarks/quality/script.py [--lines 900]

Two of the voices are clones of recordings, ten are stock voices. Prints what was spoken and charged, the words that
Whisper hears in 30 lines, how far the subtitles are from the words that it hears, and the time beside that of one long
core-tts of the same text. Exits with 1 if a line is lost, repeated, out of order or charged wrongly.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import re
import signal
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from benchmarks.machine import machine
from benchmarks.quality.forced_alignment import energy_onset
from benchmarks.quality.metrics import Transcriber, normalize_words
from benchmarks.quality.prose import prose
from benchmarks.raw_client import Client
from benchmarks.recordings import load, speakers, speech_folder
from benchmarks.reliability.kill_worker import profile_of, voxport, worker
from voxport.audio.arrays import SAMPLE_RATE, FloatArray
from voxport.testing.running_gateway import running_gateway

STOCK = (
    *("af_heart", "af_bella", "am_michael", "am_fenrir", "bf_emma", "bm_george"),
    *("af_nicole", "am_puck", "bf_isabella", "bm_fable"),
)
CLONES = 2
HEARD = 30
HEARD_SECONDS = 900
KILLED_AT = (0.3, 0.6)
BATCH = "/v1/proxy/core-tts-batch"
Json = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--lines", type=int, default=900)
    count: int = parser.parse_args().lines
    print(machine(), flush=True)
    wrong: list[str] = []
    with tempfile.TemporaryDirectory(prefix="voxport-script-") as name:
        folder = Path(name)
        with running_gateway(folder, "--no-worker") as live, Client(live.url, live.key) as client:
            voxport(folder, "admin", "credits", "add", profile_of(live.data_dir), "5000")
            cast = _cast(client, folder)
            body: Json = {"script": _script(count, list(cast)), "cast": cast, "outputs": ["lines", "joined", "srt"]}
            body["output_format"] = "wav"
            dry = client.call("POST", BATCH, {**body, "dry_run": True})["data"]
            print(f"dry run: {dry['lines']} lines, {dry['seconds']} s, {dry['tokens']} tokens", flush=True)
            job, elapsed = _rendered(client, folder, body, kills=KILLED_AT)
            lines = _lines(client, job["id"])
            wrong += _check(body["script"], job, lines)
            seconds = sum(line["seconds"] for line in lines)
            print(f"{len(lines)} lines, {seconds:.0f} s of sound, in {elapsed:.0f} s with two kills", flush=True)
            _hear(client, lines, job, folder)
            wrong += _changed(client, folder, body, lines)
            _pace(client, folder, body)
    print("\n".join(f"WRONG: {one}" for one in wrong) or "nothing is lost, repeated, out of order or charged wrongly")
    return 1 if wrong else 0


def _cast(client: Client, folder: Path) -> Json:
    """Return twelve characters: two clones, ten stock voices."""
    voices = list(STOCK)
    with worker(folder):
        for speaker in speakers(speech_folder())[:CLONES]:
            job = client.wait_for_job(client.clone(client.upload(speaker.reference)))
            voices.append(job["result_data"]["voice_id"])
    return {f"Character {number}": {"voice_id": voice} for number, voice in enumerate(voices, 1)}


def _script(count: int, characters: list[str]) -> list[Json]:
    """Return lines of one to three sentences, each different."""
    draw = random.Random(20)
    sentences = re.findall(r"[^.]+\.", prose(count * 260, seed=20).replace("\n", " "))
    script, at = [], 0
    for number in range(count):
        length = draw.choice((1, 1, 2, 3))
        text = f"{' '.join(one.strip() for one in sentences[at : at + length])}"
        at += length
        script.append({"id": f"{number:04d}", "character": draw.choice(characters), "text": text})
    return script


def _rendered(client: Client, folder: Path, body: Json, kills: tuple[float, ...] = ()) -> tuple[Json, float]:
    began = time.perf_counter()
    job_id = client.call("POST", BATCH, body)["job"]["id"]
    for share in kills:
        with worker(folder) as process:
            while client.call("GET", f"/v2/jobs/{job_id}")["progress"] < share:
                time.sleep(0.5)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        print(f"its worker was killed at {share:.0%}, after {time.perf_counter() - began:.0f} s", flush=True)
    with worker(folder):
        job = client.wait_for_job(job_id)
    if job["status"] != "completed":
        raise SystemExit(f"the job ended as {job}")
    return job, time.perf_counter() - began


def _lines(client: Client, job_id: str) -> list[Json]:
    found, cursor = [], ""
    while True:
        page = client.call("GET", f"/v2/jobs/{job_id}/lines?limit=200{cursor}")
        found += page["data"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def _check(script: list[Json], job: Json, lines: list[Json]) -> list[str]:
    wrong = []
    if [line["id"] for line in lines] != [line["id"] for line in script]:
        wrong.append("lines are missing or out of order")
    starts = [line["start"] for line in lines]
    if starts != sorted(starts):
        wrong.append("the lines overlap")
    if any(line["state"] != "spoken" for line in lines):
        wrong.append("a line was not spoken")
    tokens = sum(line["tokens"] for line in lines)
    problems = job["result_data"].get("problems", [])
    print(f"charged {job['token_cost']} tokens; the lines come to {tokens:.4f}; problems: {problems}")
    if abs(tokens - job["token_cost"]) > 1e-6:
        wrong.append(f"charged {job['token_cost']}, the lines come to {tokens}")
    return wrong


def _hear(client: Client, lines: list[Json], job: Json, folder: Path) -> None:
    transcriber = Transcriber()
    wrong = words = 0
    for line in random.Random(3).sample(lines, min(HEARD, len(lines))):
        path = folder / "line.wav"
        path.write_bytes(client.download(line["url"]))
        errors, of = transcriber.errors(load(path), line["text"])
        wrong, words = wrong + errors, words + of
    print(f"word errors in {HEARD} random lines: {wrong} of {words} ({100 * wrong / words:.1f} %)", flush=True)
    path = folder / "joined.wav"
    path.write_bytes(client.download(job["result_data"]["outputs"]["joined"]["url"]))
    srt = client.download(job["result_data"]["outputs"]["srt"]["url"]).decode()
    audio = load(path)[: HEARD_SECONDS * SAMPLE_RATE]
    cues = [(start, words) for start, words in _cues(srt) if start < HEARD_SECONDS - 2]
    for reference, offsets in (
        ("the words that Whisper hears", _heard_offsets(transcriber, audio, cues)),
        ("the sound after a pause", _sound_offsets(audio, cues)),
    ):
        median, signed = statistics.median(map(abs, offsets)), statistics.median(offsets)
        print(
            f"subtitles against {reference}: median offset {1000 * median:.0f} ms over {len(offsets)} of {len(cues)} "
            f"cues; they begin {1000 * signed:.0f} ms before it",
            flush=True,
        )


def _cues(srt: str) -> list[tuple[float, list[str]]]:
    """Return when each cue begins, and its words without the name of who speaks."""
    found = []
    for begin, text in re.findall(r"(\d\d:\d\d:\d\d,\d{3}) --> .*\n((?:.+\n)+)", srt):
        hours, minutes, rest = begin.split(":")
        start = 3600 * int(hours) + 60 * int(minutes) + float(rest.replace(",", "."))
        found.append((start, normalize_words(re.sub(r"^[^:\n]{1,40}: ", "", text))))
    return found


def _sound_offsets(audio: FloatArray, cues: list[tuple[float, list[str]]]) -> list[float]:
    """Return by how many seconds each cue begins before the sound, of those cues that a pause precedes."""
    samples = np.rint(audio * 32767).astype(np.int16)
    offsets = []
    for start, _ in cues:
        first = max(0, round((start - 1) * SAMPLE_RATE))
        near = start - first / SAMPLE_RATE
        onset = energy_onset(samples[first : first + 2 * SAMPLE_RATE], near, window=0.3)
        if onset is not None:
            offsets.append(onset - near)
    return offsets


def _heard_offsets(transcriber: Transcriber, audio: FloatArray, cues: list[tuple[float, list[str]]]) -> list[float]:
    """Return by how many seconds each cue begins before the first of its words that Whisper hears, of those cues whose
    first two words are heard within a second."""
    segments, _ = transcriber._model.transcribe(
        soxr.resample(audio, SAMPLE_RATE, 16_000), language="en", beam_size=5, word_timestamps=True
    )
    heard = [(word.start, normalize_words(word.word)) for segment in segments for word in segment.words]
    plain = [(start, words[0]) for start, words in heard if words]
    offsets = []
    for start, words in cues:
        for (at, one), (_, two) in pairwise(plain):
            if abs(at - start) < 1 and [one, two] == words[:2]:
                offsets.append(at - start)
                break
    return offsets


def _changed(client: Client, folder: Path, body: Json, lines: list[Json]) -> list[str]:
    """Change a line and render again."""
    before = {line["id"]: hashlib.sha256(client.download(line["url"])).hexdigest() for line in lines}
    number = len(lines) // 2
    script = [*body["script"]]
    script[number] = {**script[number], "text": "This line is another one now."}
    again, elapsed = _rendered(client, folder, {**body, "script": script})
    after = _lines(client, again["id"])
    spoken = [line["id"] for line in after if line["state"] == "spoken"]
    differing = [
        line["id"] for line in after if hashlib.sha256(client.download(line["url"])).hexdigest() != before[line["id"]]
    ]
    print(f"one line changed: spoken {spoken}, other bytes {differing}, {again['token_cost']} tokens, {elapsed:.0f} s")
    wanted = [script[number]["id"]]
    return [] if spoken == wanted == differing else ["another line than the changed one was spoken or differs"]


def _pace(client: Client, folder: Path, body: Json) -> None:
    """Compare the time of a script in one voice with that of one long core-tts of the same text."""
    script = [{**line, "text": f"Now {line['text']}"} for line in body["script"][:200]]
    text = "\n\n".join(line["text"] for line in script)
    one = {"Reader": {"voice_id": STOCK[0]}}
    script = [{**line, "character": "Reader"} for line in script]
    job, elapsed = _rendered(client, folder, {**body, "script": script, "cast": one, "outputs": ["joined"]})
    seconds = sum(line["seconds"] for line in _lines(client, job["id"]))
    began = time.perf_counter()
    call = {"text": text, "voice_id": STOCK[0], "output_format": "wav"}
    accepted = client.http.post("/v1/proxy/core-tts", json=call, headers={"Prefer": "respond-async"})
    with worker(folder):
        long = client.wait_for_job(accepted.json()["job"]["id"])
    long_elapsed = time.perf_counter() - began
    factors = elapsed / seconds, long_elapsed / long["result_data"]["duration_seconds"]
    ratio = factors[0] / factors[1]
    print(f"real-time factor of 200 lines {factors[0]:.3f}, of one core-tts {factors[1]:.3f}: {ratio:.2f} ×")


if __name__ == "__main__":
    sys.exit(main())
