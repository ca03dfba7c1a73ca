"""Decodes recordings in common containers to samples."""

from __future__ import annotations

import logging
import os
import re
import signal
from pathlib import Path

import numpy as np
import numpy.typing as npt

from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.ffmpeg import INPUT_URL, FfmpegLimits, FfmpegResult, run_ffmpeg
from voxport.audio.codec.riff import has_wrong_length
from voxport.errors import SampleUnusable, Unavailable

# Formats that hold recordings. Excluded are those that make ffmpeg open further files or addresses: playlists, concat
# scripts, DASH, SDP.
_FORMATS = "wav,mp3,flac,ogg,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,aac,aiff,caf,amr,w64"
# Audio decoders only, so that video is never decoded. Includes ffmpeg's own and the library decoders that a system's
# ffmpeg may prefer.
_CODECS = (
    "aac,libfdk_aac,aac_latm,alac,flac,opus,libopus,vorbis,libvorbis,speex,libspeex,ac3,eac3,"
    "mp1,mp1float,mp2,mp2float,mp3,mp3float,libopencore_amrnb,amrnb,libopencore_amrwb,amrwb,"
    "adpcm_ima_qt,adpcm_ima_wav,adpcm_ms,gsm,gsm_ms,pcm_alaw,pcm_mulaw,pcm_s8,pcm_u8,"
    "pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le"
)
_WHITELISTS = ("-protocol_whitelist", "file", "-format_whitelist", _FORMATS, "-codec_whitelist", _CODECS)
# Matches ffmpeg's list of input streams, which is indented by two blanks, or four in older versions.
_AUDIO_TRACK = re.compile(r"^ {2,4}Stream #0:(\d+)[^\n]*?: Audio: ", re.MULTILINE)
_SAMPLE_BYTES = 4  # float32
# Decoding 60 s takes 0.1 to 0.2 s (measured); the limits leave room for a slow and busy machine.
_CPU_SECONDS = 20
_WALL_SECONDS = 60.0

_log = logging.getLogger("voxport.audio.codec.decode")


def decode(
    path: Path,
    *,
    ffmpeg: Path,
    max_seconds: float = 60.0,
    track: int = 0,
    start_seconds: float = 0.0,
    rate: int = SAMPLE_RATE,
) -> npt.NDArray[np.float32]:
    """Decodes a section of an audio track in an audio or video file: mono, `rate` Hz, within -1 to 1. `track` counts
    audio tracks from 0. If a WAV header gives less than the file's length, reads to the end of the file.

    The file must be complete and on disk, because an m4a or mp4 may have its index at the end. Raises SampleUnusable
    with `details["reason"]`: empty_file, not_media, no_audio_track, unsupported_codec, damaged or too_slow; and
    Unavailable if the machine, and not the file, ended the decoder.
    """
    max_bytes = int(max_seconds * rate) * _SAMPLE_BYTES
    with path.open("rb") as source:
        if os.fstat(source.fileno()).st_size == 0:
            raise _sample_unusable("empty_file")
        result = run_ffmpeg(
            ffmpeg,
            _arguments(max_seconds, track, start_seconds, rate, ignore_length=has_wrong_length(source)),
            stdin=source,
            # A decoder may return one frame more than requested.
            limits=FfmpegLimits(_CPU_SECONDS, _WALL_SECONDS, stdout_bytes=max_bytes + _SAMPLE_BYTES * rate),
        )
    _raise_if_killed_by_system(result)
    if result.exit_code != 0 or len(result.stdout) < _SAMPLE_BYTES:
        reason = _failure_reason(result)
        _log.info("decoding failed: %s, exit code %d", reason, result.exit_code)
        raise _sample_unusable(reason)
    sample_count = len(result.stdout) // _SAMPLE_BYTES
    audio = np.array(
        np.frombuffer(result.stdout, "<f4", count=min(sample_count, max_bytes // _SAMPLE_BYTES)), np.float32
    )
    # A float file may contain any value, including NaN and infinity.
    np.nan_to_num(audio, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
    return np.clip(audio, -1.0, 1.0, out=audio)


def count_tracks(path: Path, *, ffmpeg: Path) -> int:
    """Counts the audio tracks of a file. Returns 0 if it can't be read, which `decode` then reports. On a timeout,
    raises as `decode` does, so that the caller does not wait for a second one."""
    with path.open("rb") as source:
        result = run_ffmpeg(
            ffmpeg,
            [*_WHITELISTS, "-loglevel", "info", "-i", INPUT_URL],
            stdin=source,
            limits=FfmpegLimits(_CPU_SECONDS, _WALL_SECONDS, stdout_bytes=0),
        )
    _raise_if_killed_by_system(result)
    if result.timed_out:
        raise _sample_unusable("too_slow")
    return len(set(_AUDIO_TRACK.findall(result.stderr)))


def _arguments(max_seconds: float, track: int, start_seconds: float, rate: int, *, ignore_length: bool) -> list[str]:
    # Seek in the decoded output. A file without an index, such as a browser's recording, allows no other way.
    start = ("-ss", f"{start_seconds:.3f}") if start_seconds else ()
    return [
        *_WHITELISTS,
        *(("-ignore_length", "1") if ignore_length else ()),
        *("-t", f"{start_seconds + max_seconds:.3f}", "-i", INPUT_URL),
        *("-map", f"0:a:{track}", "-vn", "-sn", "-dn", "-map_metadata", "-1"),
        *("-ac", "1", "-ar", str(rate), *start, "-t", f"{max_seconds:.3f}", "-f", "f32le", "pipe:1"),
    ]


def _raise_if_killed_by_system(result: FfmpegResult) -> None:
    """Raises Unavailable if the machine ended the decoder."""
    if _was_killed_by_system(result):
        _log.error("decoding was ended by the machine, exit code %d", result.exit_code)
        raise Unavailable("The recording could not be read right now. Nothing was charged; please try again.")


def _was_killed_by_system(result: FfmpegResult) -> bool:
    """Returns True if the machine, and not the file, ended the decoder: it hardly got CPU time (the machine is
    overloaded, or the program hangs), or an external signal ended it (out of memory, shutdown). A decoder that breaks
    our limits has used up its CPU time, and a crash is caused by the file."""
    if result.timed_out:
        return result.cpu_seconds < _CPU_SECONDS / 2
    if -result.exit_code == signal.SIGKILL:
        return result.cpu_seconds < _CPU_SECONDS - 1 and not result.exceeded_output
    return -result.exit_code in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def _failure_reason(result: FfmpegResult) -> str:
    """Classifies a failure by ffmpeg's messages (wording of version 9). Unknown failures count as damaged."""
    is_out_of_time = -result.exit_code in (signal.SIGKILL, signal.SIGXCPU) and not result.exceeded_output
    if result.timed_out or is_out_of_time:
        return "too_slow"
    if "matches no streams" in result.stderr:
        return "no_audio_track"
    if "moov atom not found" in result.stderr:
        return "damaged"
    if "Decoder not found" in result.stderr or "Decoding requested, but no decoder" in result.stderr:
        return "unsupported_codec"
    opened = "Error opening input" not in result.stderr and INPUT_URL + ":" not in result.stderr
    return "damaged" if opened else "not_media"


_REASON_MESSAGES = {
    "empty_file": "The file is empty. Upload it again, and check that it plays on your machine.",
    "not_media": "This is no audio or video that can be read. Send mp3, wav, ogg, flac, m4a, webm or mp4.",
    "no_audio_track": "The video has no audio track. Send a recording in which the speaker is heard.",
    "unsupported_codec": "The audio in the file is of a kind that can't be read. Save it as mp3 or wav.",
    "damaged": "The file is damaged or incomplete. Upload it again, and check that it plays on your machine.",
    "too_slow": "The file took too long to read. Save the recording as wav or mp3 and send that.",
}


def _sample_unusable(reason: str) -> SampleUnusable:
    return SampleUnusable(_REASON_MESSAGES[reason], details={"reason": reason})
