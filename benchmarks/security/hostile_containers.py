"""Containers that no encoder writes, for `hostile_media.py`: bombs, thousands of streams, absurd headers."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

Write = Callable[[Path], object]

_HOURS = 10
_BOMB_BYTES = 512 << 20  # unpacked size of a bomb


def crafted() -> Iterator[tuple[str, str, Write]]:
    """Yield group, name and writer of each file."""
    for name, data in _headers():
        yield "absurd headers", name, _bytes(data)
    yield "ten hours", "wav", lambda path: _sparse(path, wav_head(1, 8_000, 16), _HOURS * 3_600 * 16_000)
    yield "ten hours", "raw frames of mp3", lambda path: path.write_bytes(_SILENT_MP3_FRAME * (_HOURS * 3_600 * 10))
    yield "ten hours", "opus that says nothing", lambda path: path.write_bytes(_silent_opus(_HOURS * 3_600))
    for name, bomb in _bombs():
        yield "bombs", name, _written(bomb)
    for name, crowd in _crowds():
        yield "thousands of streams", name, _written(crowd)


def wav_head(channels: int, rate: int, bits: int, *, fmt: int = 1, align: int | None = None, size: int = -1) -> bytes:
    """Return a RIFF header; `size` is the value of its two length fields, -1 for the maximum."""
    align = channels * bits // 8 if align is None else align
    declared_size = size & 0xFFFFFFFF
    fields = (fmt, channels & 0xFFFF, rate, (rate * align) & 0xFFFFFFFF, align & 0xFFFF, bits)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, *fields)
    return struct.pack("<4sI4s", b"RIFF", declared_size, b"WAVE") + form + struct.pack("<4sI", b"data", declared_size)


def box(kind: bytes, *content: bytes) -> bytes:
    """Return an mp4 box."""
    body = b"".join(content)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def element(number: int, *content: bytes) -> bytes:
    """Return a Matroska element."""
    body = b"".join(content)
    name = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return name + (0x0100_0000_0000_0000 | len(body)).to_bytes(8, "big") + body


def uint(number: int, value: int) -> bytes:
    return element(number, value.to_bytes(8, "big"))


def matroska(tracks: bytes, *more: bytes) -> bytes:
    """Return a Matroska file with 0.1 s of silence at its end."""
    head = element(0x1A45DFA3, element(0x4282, b"matroska"))
    return head + element(0x18538067, element(0x1654AE6B, tracks), *more, cluster(b"\x81\x00\x00\x00" + bytes(4_800)))


def cluster(block: bytes, times: int = 1) -> bytes:
    return element(0x1F43B675, uint(0xE7, 0), element(0xA3, block) * times)


def track(number: int, *more: bytes, codec: bytes = b"A_PCM/INT/LIT") -> bytes:
    audio = element(0xE1, element(0xB5, struct.pack(">d", 24_000.0)), uint(0x9F, 1), uint(0x6264, 16))
    return element(0xAE, uint(0xD7, number), uint(0x73C5, number), uint(0x83, 2), element(0x86, codec), audio, *more)


def ogg_page(serial: int, sequence: int, flags: int, packets: list[bytes], granule: int = 0) -> bytes:
    lacing = b"".join(bytes([255] * (len(packet) // 255) + [len(packet) % 255]) for packet in packets)
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, serial, sequence, 0, len(lacing)) + lacing
    page = head + b"".join(packets)
    return page[:22] + struct.pack("<I", _ogg_sum(page)) + page[26:]


def _headers() -> Iterator[tuple[str, bytes]]:
    sound = bytes(range(256)) * 400
    for channels in (0, 2, 255, 65_535):
        yield f"wav of {channels} channels", wav_head(channels, 24_000, 16) + sound
    for rate in (0, 1, 7, 2**31, 2**32 - 1):
        yield f"wav at {rate} Hz", wav_head(1, rate, 16) + sound
    for bits in (0, 1, 7, 12, 64, 255, 65_535):
        yield f"wav of {bits} bits", wav_head(1, 24_000, bits) + sound
    for size in (0, 1, 2**31, -1):
        yield f"wav that says {size & 0xFFFFFFFF} bytes", wav_head(1, 24_000, 16, size=size) + sound
    yield "wav without a block", wav_head(1, 24_000, 16, align=0) + sound
    yield "wav of large blocks", wav_head(1, 24_000, 16, align=65_535) + sound
    for fmt in (0, 2, 3, 6, 7, 0x11, 0x31, 0x55, 0xFF, 0x161, 0xFFFE, 0xFFFF):
        yield f"wav of format {fmt:#x}", wav_head(1, 24_000, 16, fmt=fmt) + sound
    floats = struct.pack("<8f", *map(float, ("nan", "inf", "-inf", "1e38", "-1e38", "1e-45", "0", "-0")))
    yield "wav of no numbers", wav_head(1, 24_000, 32, fmt=3) + floats * 4_000
    yield "wav of no doubles", wav_head(1, 24_000, 64, fmt=3) + struct.pack("<2d", float("nan"), 1e308) * 8_000
    yield "rf64 of all bytes", b"RF64" + wav_head(1, 24_000, 16)[4:] + sound
    yield "wav in wav in wav", wav_head(1, 24_000, 16) * 1_000 + sound
    yield "wav of chunks only", b"RIFF\xff\xff\xff\xffWAVE" + b"junk\x00\x00\x00\x00" * 100_000
    stream = struct.pack(">HH3s3sQ", 16, 65_535, b"\0\0\0", b"\xff\xff\xff", 2**64 - 1) + bytes(16)
    yield "flac of everything", b"fLaC\x80\x00\x00\x22" + stream + sound
    yield "aiff at infinity", _aiff(b"\x7f\xff" + b"\xff" * 8) + sound
    yield "aiff at nothing", _aiff(bytes(10)) + sound
    yield "caf at no number", b"caff\x00\x01\x00\x00desc" + struct.pack(">q", 32) + b"\x7f\xf8" + bytes(30) + sound
    yield "amr of odd frames", b"#!AMR\n" + bytes([0x7C, 0x3C, 0xFF, 0x00]) * 5_000
    yield "amr-wb of odd frames", b"#!AMR-WB\n" + bytes([0x7C, 0x3C, 0xFF, 0x00]) * 5_000
    yield "mp4 that is its own atom", struct.pack(">I4s", 8, b"ftyp") + struct.pack(">I4sQ", 1, b"moov", 2**63) + sound
    yield "mp4 of nested atoms", _nested(2_000)
    yield "mkv of nested elements", element(0x1A45DFA3, element(0x4282, b"matroska")) + b"\x18\x53\x80\x67\xff" * 20_000
    yield "id3 that never ends", b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + sound
    yield "id3 behind id3", b"ID3\x03\x00\x00\x00\x00\x00\x0a" + bytes(10) + b"ID3\x03\x00\x00\x00\x00\x00\x00" * 50_000
    yield (
        "ogg of empty pages",
        ogg_page(1, 0, 2, [b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0"]) + ogg_page(1, 1, 0, []) * 50_000,
    )
    yield "ogg of a channel map", ogg_page(1, 0, 2, [b"OpusHead\x01\xff\0\0\x80\xbb\0\0\0\0\xff\xff\xff" + bytes(255)])


def _bombs() -> Iterator[tuple[str, Callable[[], bytes]]]:
    def lacing() -> bytes:
        frames = b"\x02\xff" + bytes(255) + bytes(2)  # 256 frames in a block, all empty except the last
        return matroska(track(1), cluster(b"\x81\x00\x00" + frames, 20_000))

    def compressed_block() -> bytes:
        packing = element(0x6D80, element(0x6240, element(0x5034, uint(0x4254, 0))))
        return matroska(track(1, packing), cluster(b"\x81\x00\x00\x00" + zeros(), 3))

    def compressed_private() -> bytes:
        packing = element(0x6D80, element(0x6240, uint(0x5032, 2), element(0x5034, uint(0x4254, 0))))
        return matroska(track(1, packing, element(0x63A2, zeros()), codec=b"A_VORBIS"))

    def compressed_index() -> bytes:
        unpacked = struct.pack(">I", _BOMB_BYTES)
        return box(b"ftyp", b"qt  \0\0\0\0") + box(
            b"moov", box(b"cmov", box(b"dcom", b"zlib"), box(b"cmvd", unpacked, zeros()))
        )

    def id3_picture() -> bytes:
        frame = b"APIC" + struct.pack(">I", len(zeros()) + 4) + b"\x00\x80" + struct.pack(">I", _BOMB_BYTES) + zeros()
        return b"ID3\x03\x00\x00" + _safe(len(frame)) + frame + _SILENT_MP3_FRAME * 300

    def id3_text() -> bytes:
        frame = b"TXXX" + struct.pack(">I", len(zeros()) + 4) + b"\x00\x80" + struct.pack(">I", _BOMB_BYTES) + zeros()
        return b"ID3\x03\x00\x00" + _safe(len(frame)) + frame + _SILENT_MP3_FRAME * 300

    def flac_pictures() -> bytes:
        picture = struct.pack(">II9sI", 3, 9, b"image/png", 0) + struct.pack(">5I", *(2**31 - 1,) * 4, 8)
        picture += b"\x89PNG\r\n\x1a\n"
        info = struct.pack(">HH", 4096, 4096) + bytes(6) + b"\x05\xdc\x00\xf0" + bytes(20)
        return b"fLaC\x00\x00\x00\x22" + info + (b"\x06" + struct.pack(">I", len(picture))[1:] + picture) * 1_000

    def comments() -> bytes:
        tags = b"OpusTags" + struct.pack("<I", 0) + struct.pack("<I", 2**31) + struct.pack("<I3s", 3, b"a=b") * 9_000
        sound = ogg_page(1, 2, 4, [b"\x18"] * 100, 100 * 2_880)
        return ogg_page(1, 0, 2, [_OPUS_HEAD]) + ogg_page(1, 1, 0, [tags[:60_000]]) + sound

    def samples_table() -> bytes:
        times, sizes = struct.pack(">5I", 0, 1, 2**31, 1, 0)[:16], struct.pack(">III", 0, 1, 2**31)
        chunks, places = struct.pack(">5I", 0, 1, 1, 2**31, 1), struct.pack(">III", 0, 1, 64)
        return _mp4([(box(b"stts", times), box(b"stsz", sizes), box(b"stsc", chunks), box(b"stco", places))])

    def zeros() -> bytes:
        return _packed_zeros(_BOMB_BYTES)

    yield from (("mkv of a zipped block", compressed_block), ("mkv of a zipped header", compressed_private))
    yield from (
        ("mkv of lacing", lacing),
        ("mov of a zipped index", compressed_index),
        ("mp4 of 2³¹ samples", samples_table),
    )
    yield from (("mp3 of a zipped cover", id3_picture), ("mp3 of a zipped text", id3_text))
    yield from (("flac of 1,000 covers", flac_pictures), ("opus of 2³¹ comments", comments))


def _crowds() -> Iterator[tuple[str, Callable[[], bytes]]]:
    for count in (900, 20_000):  # ffmpeg itself accepts a thousand at most
        yield f"mkv of {count:,} tracks", lambda count=count: matroska(_tracks(count))  # type: ignore[misc]
        yield f"mp4 of {count:,} tracks", lambda count=count: _mp4([()] * count)  # type: ignore[misc]
    yield "mkv of 50,000 tags", lambda: matroska(track(1), element(0x1254C367, _TAG * 50_000))
    yield "mkv of 50,000 chapters", lambda: matroska(track(1), element(0x1043A770, element(0x45B9, _CHAPTER * 50_000)))
    yield "mkv of 20,000 attachments", lambda: matroska(track(1), element(0x1941A469, _ATTACHMENT * 20_000))
    yield "ogg of 5,000 streams", lambda: b"".join(ogg_page(number, 0, 2, [_OPUS_HEAD]) for number in range(5_000))
    yield "ogg of a chain", lambda: b"".join(_opus_file(number) for number in range(2_000))


def _tracks(count: int) -> bytes:
    return b"".join(track(number) for number in range(1, count + 1))


def external_mov(target: str) -> bytes:
    """Return a QuickTime file whose sound is in another file."""
    return _mp4([()], box(b"url ", b"\0\0\0\0", target.encode() + b"\0"))


def external_mkv(target: str) -> bytes:
    """Return a Matroska file that names another file as the previous and next one."""
    names = [element(number, target.encode()) for number in (0x7384, 0x3C83AB, 0x3E83BB)]
    return matroska(track(1), element(0x1549A966, *names))


_HERE = box(b"url ", b"\0\0\0\1")


def _mp4(tables: list[tuple[bytes, ...]], reference: bytes = _HERE) -> bytes:
    """Return a file with a sound track for each of `tables`; `reference` says where the sound is."""
    traks = [_trak(number, reference, *more) for number, more in enumerate(tables, 1)]
    head = struct.pack(">5I", 0, 0, 0, 1_000, 1_000) + bytes(80)
    return box(b"ftyp", b"isom\0\0\2\0isom") + box(b"moov", box(b"mvhd", head), *traks) + box(b"mdat", bytes(4_096))


def _trak(number: int, reference: bytes, *tables: bytes) -> bytes:
    entry = box(b"sowt", bytes(7) + b"\1" + bytes(8) + struct.pack(">HHHHI", 1, 16, 0, 0, 24_000 << 16))
    plain = (box(b"stts", bytes(8)), box(b"stsz", bytes(12)), box(b"stsc", bytes(8)), box(b"stco", bytes(8)))
    table = box(b"stbl", box(b"stsd", bytes(7) + b"\1", entry), *(tables or plain))
    data = box(b"dinf", box(b"dref", bytes(7) + b"\1", reference))
    handler = box(b"hdlr", bytes(8) + b"soun" + bytes(13))
    media = box(b"mdia", box(b"mdhd", bytes(12) + struct.pack(">III", 24_000, 24_000, 0)), handler)
    header = box(b"tkhd", b"\0\0\0\7" + bytes(8) + struct.pack(">I", number) + bytes(68))
    whole = media[8:] + box(b"minf", box(b"smhd", bytes(8)), data, table)
    return box(b"trak", header, box(b"mdia", whole))


def _aiff(rate: bytes) -> bytes:
    comm = struct.pack(">4sIhIh", b"COMM", 18, 1, 2**31, 16) + rate
    return b"FORM\xff\xff\xff\xffAIFF" + comm + b"SSND\xff\xff\xff\xff" + bytes(8)


def _nested(depth: int) -> bytes:
    nest = b""
    for _ in range(depth):
        nest = box(b"moov", nest)
    return box(b"ftyp", b"isom\0\0\2\0isom") + nest


def _silent_opus(seconds: int) -> bytes:
    """Return an Ogg Opus file of one-byte packets, each 60 ms of silence."""
    pages = [ogg_page(7, 0, 2, [_OPUS_HEAD]), ogg_page(7, 1, 0, [_OPUS_TAGS])]
    packets, per_page = [b"\x18"] * 255, 255 * 2_880
    for number in range(seconds * 1_000 // 60 // 255):
        pages.append(ogg_page(7, number + 2, 0, packets, (number + 1) * per_page))
    return b"".join(pages)


def _opus_file(serial: int) -> bytes:
    return (
        ogg_page(serial, 0, 2, [_OPUS_HEAD])
        + ogg_page(serial, 1, 0, [_OPUS_TAGS])
        + ogg_page(serial, 2, 4, [b"\x18"] * 4, 4 * 2_880)
    )


def _packed_zeros(size: int) -> bytes:
    packer = zlib.compressobj(9)
    piece = bytes(1 << 20)
    return b"".join(packer.compress(piece) for _ in range(size >> 20)) + packer.flush()


def _sparse(path: Path, head: bytes, size: int) -> None:
    """Write a sparse file of `size` bytes: what follows `head` reads as zeros and takes no disk space."""
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + size)


def _bytes(data: bytes) -> Write:
    return lambda path: path.write_bytes(data)


def _written(make: Callable[[], bytes]) -> Write:
    return lambda path: path.write_bytes(make())


def _safe(size: int) -> bytes:
    """Return a length in ID3's encoding, 7 bits per byte."""
    return bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))


def _ogg_sum(page: bytes) -> int:
    total = 0
    for byte in page:
        total = ((total << 8) & 0xFFFFFFFF) ^ _OGG_TABLE[(total >> 24) ^ byte]
    return total


def _ogg_table() -> list[int]:
    table = []
    for number in range(256):
        value = number << 24
        for _ in range(8):
            value = ((value << 1) ^ 0x04C11DB7) & 0xFFFFFFFF if value & 0x80000000 else value << 1
        table.append(value)
    return table


_OGG_TABLE = _ogg_table()
_OPUS_HEAD = b"OpusHead\x01\x01\x00\x00\x80\xbb\x00\x00\x00\x00\x00"
_OPUS_TAGS = b"OpusTags" + struct.pack("<I4sI", 4, b"none", 0)
_SILENT_MP3_FRAME = b"\xff\xfb\x10\xc4" + bytes(100)  # MPEG 1, layer 3, 32 kbit/s, 44.1 kHz, mono
_TAG = element(0x7373, element(0x63C0, b""), element(0x67C8, element(0x45A3, b"TITLE"), element(0x4487, b"x")))
_CHAPTER = element(0xB6, uint(0x73C4, 1), uint(0x91, 0), element(0x80, element(0x85, b"x")))
_ATTACHMENT = element(
    0x61A7, element(0x466E, b"cover.png"), element(0x4660, b"image/png"), element(0x465C, b"\x89PNG"), uint(0x46AE, 1)
)
