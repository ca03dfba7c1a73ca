"""Writes docs/speech-control.md from the figures in benchmarks/results/speech_control. A test checks that they match.

python scripts/write_speech_control_doc.py
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.reports import read_all
from write_reliability_doc import section

PAGE = Path(__file__).resolve().parent.parent / "docs" / "speech-control.md"

_HEAD = """# Control of speech, measured

Written by `scripts/write_speech_control_doc.py` from the figures that the commands below wrote; don't edit it. What the
tags, dictionaries and timings are is in [the API](api.md); how lines of scripts are checked, in
[Operating](operating.md#the-quality-gate-of-scripts).
"""


def speech_control_doc() -> str:
    return "\n".join([_HEAD, *(section(report) for report in read_all("speech_control").values())])


if __name__ == "__main__":
    PAGE.write_text(speech_control_doc(), "utf-8")
    print(f"wrote {PAGE}")
