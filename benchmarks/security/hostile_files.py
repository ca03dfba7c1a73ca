"""The corpus of `hostile_media.py`: good recordings in every container, numbered mutations of them, files that refer to
other files or URLs, and files that are no media."""

from __future__ import annotations

import io
import random
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.security.hostile_containers import Write, crafted, external_mkv, external_mov, wav_head

# Name, ffmpeg options, whether there is a picture.
_CONTAINERS: tuple[tuple[str, tuple[str, ...], bool], ...] = (
    ("pcm.wav", (), False),
    ("float.wav", ("-c:a", "pcm_f32le"), False),
    ("adpcm.wav", ("-c:a", "adpcm_ms"), False),
    ("a.w64", (), False),
    ("a.mp3", ("-b:a", "64k"), False),
    ("a.flac", (), False),
    ("opus.ogg", ("-c:a", "libopus"), False),
    ("vorbis.ogg", ("-c:a", "libvorbis"), False),
    ("a.m4a", ("-c:a", "aac"), False),
    ("fragments.mp4", ("-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"), False),
    ("film.mp4", ("-c:a", "aac", "-c:v", "mpeg4"), True),
    ("film.mov", ("-c:a", "pcm_s16be", "-c:v", "mpeg4"), True),
    ("film.webm", ("-c:a", "libopus", "-c:v", "libvpx", "-deadline", "realtime"), True),
    ("a.mkv", ("-c:a", "flac"), False),
    ("a.aac", ("-c:a", "aac"), False),
    ("a.aiff", (), False),
    ("a.caf", (), False),
    ("a.amr", ("-ar", "8000", "-c:a", "libopencore_amrnb"), False),
    ("a.3gp", ("-ar", "8000", "-c:a", "libopencore_amrnb"), False),
)


def make_good(folder: Path, recording: Path, ffmpeg: Path) -> list[Path]:
    """Write the recording in each container. Returns the paths, without containers that this ffmpeg can't write."""
    paths = []
    for name, options, has_picture in _CONTAINERS:
        path = folder / name
        picture = ("-f", "lavfi", "-i", "color=size=32x32:rate=5", "-shortest") if has_picture else ()
        command = [str(ffmpeg), "-loglevel", "error", "-y", "-i", str(recording), *picture, *options, str(path)]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            paths.append(path)
    return paths


def mutate(data: bytes, other: bytes, seed: int) -> bytes:
    """Return the file mutated; `seed` determines the kind of mutation and the places."""
    rng = random.Random(seed)
    way = _MUTATIONS[seed % len(_MUTATIONS)]
    return way(bytearray(data), other, rng)


def _flip_bits(data: bytearray, _other: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 4, 32, 256))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _corrupt_header(data: bytearray, _other: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 3, 10))):
        data[rng.randrange(min(len(data), 600))] = rng.randrange(256)
    return bytes(data)


def _truncate(data: bytearray, _other: bytes, rng: random.Random) -> bytes:
    return bytes(data[: rng.choice((rng.randrange(1, 64), rng.randrange(1, len(data)), len(data) - 1))])


def _edit_length(data: bytearray, _other: bytes, rng: random.Random) -> bytes:
    """Set a number of 2, 4 or 8 bytes to its minimum, its maximum, or a random value."""
    for _ in range(rng.choice((1, 1, 3))):
        width = rng.choice((2, 4, 4, 8))
        at = rng.randrange(min(len(data) - width, rng.choice((64, 1_024, len(data) - width))))
        value = rng.choice((0, 1, 2 ** (8 * width) - 1, 2 ** (8 * width - 1) - 1, rng.getrandbits(8 * width)))
        data[at : at + width] = value.to_bytes(width, rng.choice(("big", "little")))
    return bytes(data)


def _swap_chunks(data: bytearray, _other: bytes, rng: random.Random) -> bytes:
    size = min(rng.choice((8, 512, 4_096)), len(data) // 3)
    first, second = sorted(rng.sample(range(0, len(data) - size, max(1, size // 2)), 2))
    data[first : first + size], data[second : second + size] = data[second : second + size], data[first : first + size]
    return bytes(data)


def _splice(data: bytearray, other: bytes, rng: random.Random) -> bytes:
    """Put the head of another container before the rest of this one."""
    at = rng.choice((16, 64, 512, 4_096))
    return other[:at] + bytes(data[rng.choice((0, at)) :])


def _repeat(data: bytearray, _other: bytes, rng: random.Random) -> bytes:
    at, size = rng.randrange(len(data)), rng.choice((4, 64, 1_024))
    return bytes(data[:at]) + bytes(data[at : at + size]) * rng.choice((2, 50, 500)) + bytes(data[at:])


def _cut_out(data: bytearray, _other: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 7, 512, 8_192))]
    return bytes(data)


def _blank(data: bytearray, _other: bytes, rng: random.Random) -> bytes:
    at, size = rng.randrange(len(data)), rng.choice((16, 1_024, 16_384))
    data[at : at + size] = bytes([rng.choice((0, 255))]) * len(data[at : at + size])
    return bytes(data)


_MUTATIONS = (_flip_bits, _corrupt_header, _truncate, _edit_length, _swap_chunks, _splice, _repeat, _cut_out, _blank)


def others(good: Path, canary: Path, canary_url: str, ffmpeg: Path) -> Iterator[tuple[str, str, Write]]:
    """Yield group, name and writer of each file that is not a mutation. `good` is a WAV file."""
    yield from crafted()
    yield "ten hours", "flac of silence", lambda path: _silent_flac(path, ffmpeg)
    targets = (str(canary), f"file:{canary}", canary.as_uri(), f"{canary_url}/a.wav", f"../{canary.name}")
    for target in targets:
        for name, text in _playlists(target):
            for shape, data in _disguised(text.encode(), good.read_bytes()):
                yield "files that point elsewhere", f"{name}{shape} at {target}", _write(data)
        yield "files that point elsewhere", f"mov at {target}", _write(external_mov(target))
        yield "files that point elsewhere", f"mkv at {target}", _write(external_mkv(target))
    for name, data in _polyglots(good.read_bytes(), good.with_name("a.mp3").read_bytes()):
        yield "polyglots", name, _write(data)
    for name, data in _no_media():
        yield "no media", name, _write(data)


def _playlists(target: str) -> Iterator[tuple[str, str]]:
    yield "m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n"
    key = f'#EXT-X-KEY:METHOD=AES-128,URI="{target}"\n#EXT-X-MAP:URI="{target}"'
    yield "m3u8 with a key", f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n{key}\n#EXTINF:2,\n{target}\n#EXT-X-ENDLIST\n"
    yield "m3u8 of m3u8", f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n"
    yield "m3u8 of concat", f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nconcat:{target}|{target}\n#EXT-X-ENDLIST\n"
    yield "ffconcat", f"ffconcat version 1.0\nfile '{target}'\n"
    yield "ffconcat with a head", f"ffconcat version 1.0\nfile {target}\nduration 2\ninpoint 0\noption safe 0\n"
    mpd = '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    mpd += 'mediaPresentationDuration="PT2S">'
    mpd += '<Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>'
    yield "dash", f"{mpd}{target}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    yield "sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\n"
    yield (
        "xspf",
        (
            f'<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList><track><location>{target}'
            "</location></track></trackList></playlist>"
        ),
    )
    yield "pls", f"[playlist]\nFile1={target}\nNumberOfEntries=1\nVersion=2\n"
    yield "asx", f'<asx version="3.0"><entry><ref href="{target}"/></entry></asx>'
    yield "cue", f'FILE "{target}" WAVE\n  TRACK 01 AUDIO\n    INDEX 01 00:00:00\n'
    yield "smil", f'<smil><body><audio src="{target}"/></body></smil>'
    yield "rtsp text", f"RTSPtext\n{target}\n"
    yield "xml entity", f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "{target}">]><x>&e;</x>'
    yield "svg", f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{target}"/></svg>'


def _disguised(text: bytes, good: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield the text as it is, and embedded where sound is expected; each with a suffix for the name."""
    yield "", text
    yield " behind ID3", b"ID3\x03\x00\x00\x00\x00\x00\x0a" + bytes(10) + text
    yield " in a wav", wav_head(1, 24_000, 16) + text
    yield " before a wav", text + good


def _polyglots(wav: bytes, mp3: bytes) -> Iterator[tuple[str, bytes]]:
    page = b"<html><script>alert(1)</script></html>"
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("../../../etc/cron.d/x", "* * * * * root true")
    yield from (("wav and zip", wav + zipped.getvalue()), ("mp3 and html", page + mp3), ("mp3 behind html", mp3 + page))
    yield from (
        ("zip and mp3", zipped.getvalue() + mp3),
        ("pdf and mp3", b"%PDF-1.7\n" + mp3),
        ("elf and wav", b"\x7fELF" + wav),
    )
    yield from (
        ("gif and wav", b"GIF89a" + wav),
        ("wav and mp3", wav[:4_000] + mp3),
        ("script and mp3", b"#!/bin/sh\nid\n" + mp3),
    )
    yield from (("jpeg and mp3", b"\xff\xd8\xff\xe0" + mp3), ("id3 and wav", mp3[:45] + wav), ("wav twice", wav + wav))


def _no_media() -> Iterator[tuple[str, bytes]]:
    packed, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50_000_000))
    with tarfile.open(fileobj=tarred, mode="w") as tar:
        link = tarfile.TarInfo("a.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    yield from (
        ("empty", b""),
        ("a byte", b"R"),
        ("RIFF", b"RIFF"),
        ("zeros", bytes(1_000_000)),
        ("text", b"hello\n" * 9_999),
    )
    yield from (
        ("zip bomb", packed.getvalue()),
        ("tar of a link", tarred.getvalue()),
        ("pdf", b"%PDF-1.7\n" + bytes(9_999)),
    )
    yield from (("html", b"<!DOCTYPE html><html></html>"), ("elf", Path("/bin/sh").read_bytes()[:200_000]))
    yield from (
        ("png", b"\x89PNG\r\n\x1a\n" + bytes(999)),
        ("gzip", b"\x1f\x8b\x08" + bytes(999)),
        ("json", b"{}" * 999),
    )
    for seed in range(12):
        yield f"noise {seed}", random.Random(seed).randbytes(60_000)


def _silent_flac(path: Path, ffmpeg: Path) -> None:
    source = ("-f", "lavfi", "-i", "anullsrc=sample_rate=8000:channel_layout=mono", "-t", "36000")
    command = [str(ffmpeg), "-loglevel", "error", "-y", *source, "-compression_level", "0", "-f", "flac", str(path)]
    subprocess.run(command, check=True, capture_output=True)


def _write(data: bytes) -> Write:
    return lambda path: path.write_bytes(data)
