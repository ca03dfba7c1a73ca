"""Measures an mp3 stream by the headers of its frames (ISO/IEC 11172-3 and 13818-3, layer III), without decoding it."""

from __future__ import annotations

from typing import Final, NamedTuple

_HEADER_BYTES: Final = 4
_ID3_HEADER_BYTES: Final = 10
_KBITS: Final = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),  # MPEG-1
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # MPEG-2 and 2.5
}
_RATES: Final = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_MONO: Final = 3
_TAGS: Final = (b"Xing", b"Info")
_TAG_BYTES: Final = 64
"""How far into the first frame its tag is looked for."""


class NotMp3(Exception):
    """The bytes are not a stream of mp3 frames."""


class Mp3Meter:
    """Counts the seconds of audio of the complete frames that were fed. A tag of ID3v2 before the first frame, and the
    frame that only carries an encoder's tag, count nothing."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.is_sounding = False
        """Whether a frame so far holds any audio data. The frames of digital silence hold none."""
        self._pending = b""
        self._skip = 0
        self._frames = 0
        self._is_begun = False

    def feed(self, data: bytes) -> None:
        """Raises NotMp3 where a frame should begin and does not."""
        if self._skip >= len(data) and not self._pending:
            self._skip -= len(data)
            return
        data = self._pending + data[self._skip :]
        self._skip, position = 0, 0
        if not self._is_begun:
            if len(data) < _ID3_HEADER_BYTES:
                self._pending = data
                return
            self._is_begun = True
            if data[:3] == b"ID3":
                position = _ID3_HEADER_BYTES + _syncsafe(data[6:10])
        # The header, the side information's first three bytes, and the place of an encoder's tag.
        while position + _TAG_BYTES <= len(data):
            frame = _frame(data, position)
            self._frames += 1
            if self._frames > 1 or not any(tag in data[position : position + _TAG_BYTES] for tag in _TAGS):
                self.seconds += frame.seconds
                self.is_sounding = self.is_sounding or frame.has_audio
            position += frame.size
        if position > len(data):
            self._pending, self._skip = b"", position - len(data)
        else:
            self._pending = data[position:]

    def end(self) -> None:
        """Count the last frame, which may be shorter than the look-ahead. Raises NotMp3 if no frame came, or the last
        one is cut."""
        padding = bytes(_TAG_BYTES - len(self._pending)) if self._pending else b""
        self.feed(padding)
        if not self._frames or self._skip or len(self._pending) != len(padding):
            raise NotMp3


class _Frame(NamedTuple):
    size: int
    seconds: float
    has_audio: bool


def _frame(data: bytes, at: int) -> _Frame:
    first, second, third, fourth = data[at : at + _HEADER_BYTES]
    version, layer, has_checksum = second >> 3 & 3, second >> 1 & 3, not second & 1
    bits, rate_index = third >> 4, third >> 2 & 3
    if first != 0xFF or second & 0xE0 != 0xE0 or version == 1 or layer != 1 or bits in (0, 15) or rate_index == 3:
        raise NotMp3
    is_mpeg1, rate = version == 3, _RATES[version][rate_index]
    kbits = _KBITS[is_mpeg1][bits]
    samples = 1152 if is_mpeg1 else 576
    size = samples // 8 * 1000 * kbits // rate + (third >> 1 & 1)
    # `part2_3_length`, 12 bits, follows what comes before the first granule in the side information.
    is_mono = fourth >> 6 == _MONO
    offset = (18 if is_mono else 20) if is_mpeg1 else (9 if is_mono else 10)
    start = at + _HEADER_BYTES + 2 * has_checksum
    length = int.from_bytes(data[start : start + 4]) << offset & 0xFFFFFFFF
    return _Frame(size, samples / rate, length >> 20 != 0)


def _syncsafe(data: bytes) -> int:
    return data[0] << 21 | data[1] << 14 | data[2] << 7 | data[3]
