"""Makes a page on which people compare recordings and clones blind, and sums up their votes.

    .venv/bin/python benchmarks/quality/listen.py [--old VOICES] [--output FOLDER]
    .venv/bin/python benchmarks/quality/listen.py --votes ana.json ben.json

For each speaker of `PAIRS.tsv` and some sentences that are in no recording, the page plays in random order, all of one
loudness: another recording of the speaker (with other words), the nearest stock voice, the instant clone, the
persistent clone of an older engine, and that of this one. The rater compares each with a recording of the speaker.
A persistent clone takes half a minute; `--no-fit` leaves it out. Voices of an older engine come from the same program,
which reads the engine from `PYTHONPATH`:

    PYTHONPATH=../older/src .venv/bin/python benchmarks/quality/listen.py --save-voices VOICES

The page holds the recordings, so it is written outside the repository or to where git ignores it.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from benchmarks.quality.listening.clips import (
    HeardSpeaker,
    Kind,
    heard_speaker,
    heldout_recordings,
    nearest_stock_voice,
    sentences_for,
    speaking,
)
from benchmarks.quality.listening.page_folder import require_folder_outside_git, write_page
from benchmarks.quality.listening.voice_folder import VoiceFolder, describe_tree
from benchmarks.quality.listening.vote_tables import tables
from benchmarks.quality.listening.votes import read_votes
from benchmarks.recordings import Speaker, load, speakers, speech_folder
from voxport.audio.arrays import FloatArray
from voxport.engine import Engine, EngineVoice
from voxport.engine_errors import EngineError

ROOT = Path(__file__).parents[2]


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    if options.votes:
        print(tables(read_votes(options.votes)))
        return
    output: Path = options.output or ROOT / "out" / f"listen-{datetime.now():%Y%m%d-%H%M%S}"
    if not options.save_voices:
        require_folder_outside_git(output)
    folder = speech_folder()
    chosen = speakers(folder)[: options.speakers]
    engine = Engine.load(threads=2)
    try:
        if options.save_voices:
            _save_voices(engine, chosen, VoiceFolder(options.save_voices))
            return
        old = VoiceFolder(options.old) if options.old else None
        new = VoiceFolder(options.new) if options.new else None
        heard = [
            _hear(engine, speaker, sentences_for(number, options.sentences), old, new, is_fitted=not options.no_fit)
            for number, speaker in enumerate(chosen)
        ]
    finally:
        engine.close()
    about = {
        "tree": describe_tree(),
        "old": old.about() if old else None,
        "settings": {"sentences": options.sentences, "speakers": options.speakers, "fit": not options.no_fit},
    }
    print(f"Open {write_page(output, heard, about, _licences(folder, chosen))} in a browser.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--output", type=Path, help="folder of the page, absent or empty (default: out/listen-<time>)")
    parser.add_argument("--speakers", type=_positive, help="only so many of the speakers")
    parser.add_argument("--sentences", type=_positive, default=2, help="sentences per speaker (default: 2)")
    parser.add_argument("--old", type=Path, metavar="FOLDER", help="voices of an older engine: <speaker>.voice")
    parser.add_argument("--new", type=Path, metavar="FOLDER", help="keep this engine's voices here, and use them again")
    parser.add_argument("--no-fit", action="store_true", help="leave this engine's persistent clones out")
    parser.add_argument("--save-voices", type=Path, metavar="FOLDER", help="only fit the voices, and keep them here")
    parser.add_argument("--votes", type=Path, nargs="+", metavar="FILE", help="sum up these files of votes")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def _save_voices(engine: Engine, chosen: list[Speaker], folder: VoiceFolder) -> None:
    for speaker in chosen:
        folder.read_or_fit(speaker.name, _fit(engine, load(speaker.reference)))
        print(f"{speaker.name}: {folder.folder / speaker.name}.voice", flush=True)


def _hear(
    engine: Engine,
    speaker: Speaker,
    sentences: list[str],
    old: VoiceFolder | None,
    new: VoiceFolder | None,
    *,
    is_fitted: bool,
) -> HeardSpeaker:
    print(speaker.name, flush=True)
    reference = load(speaker.reference)
    voices: dict[Kind, EngineVoice] = {
        "stock": nearest_stock_voice(engine, reference),
        "instant": engine.enrol(reference, instant=True),
    }
    if old is not None:
        voices["old"] = _load_voice(engine, old.read(speaker.name), f"{old.folder / speaker.name}.voice")
    if is_fitted:
        fit = _fit(engine, reference)
        # A voice is rounded in its file. It is heard as the gateway would speak it, also where no folder keeps it.
        content = new.read_or_fit(speaker.name, fit) if new is not None else fit().to_bytes()
        voices["new"] = engine.load_voice(content)
    speak = {kind: speaking(engine, voice) for kind, voice in voices.items()}
    return heard_speaker(speaker.name, heldout_recordings(speaker), speak, sentences)


def _fit(engine: Engine, reference: FloatArray) -> Callable[[], EngineVoice]:
    return lambda: engine.enrol(reference)


def _load_voice(engine: Engine, content: bytes, name: str) -> EngineVoice:
    try:
        return engine.load_voice(content)
    except EngineError as error:
        raise SystemExit(f"{name}: {error}") from error


def _licences(folder: Path, chosen: list[Speaker]) -> list[str]:
    """Return where the recordings come from, by `MANIFEST.tsv`."""
    names = {speaker.name for speaker in chosen}
    manifest = folder / "MANIFEST.tsv"
    if not manifest.is_file():
        return []
    with manifest.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return sorted({row["licence"] for row in rows if row["speaker"] in names and row["licence"]})


if __name__ == "__main__":
    main()
