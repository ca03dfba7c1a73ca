"""Prints how each sentence of `readings.tsv` is read, as a Markdown table, and how many differ from what is expected.

.venv/bin/python benchmarks/quality/readings.py [--differing]
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Final, NamedTuple

from voxport.text.normalise import normalise_text

SENTENCES: Final = Path(__file__).with_name("readings.tsv")
CHECKED: Final = Path(__file__).with_name("readings_checked.tsv")
"""Readings that were written down before the code was run on them."""
NEW: Final = Path(__file__).with_name("readings_new.tsv")
"""Later readings of the same kind. In all files `⍽` stands for a no-break space, `␣` for a narrow one, `⏎` for a line
break."""


class Reading(NamedTuple):
    language: str
    kind: str
    text: str
    expected: str


def readings(sentences: Path = SENTENCES) -> list[Reading]:
    """Read the rows of `sentences`: tab-separated, unquoted; the first line names the columns."""
    with sentences.open(encoding="utf-8", newline="") as file:
        return [Reading(*row) for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)][1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--differing", action="store_true", help="only what is read otherwise than expected")
    only_differing = parser.parse_args().differing
    rows = readings()
    differing = 0
    print("| language | text | said |\n| --- | --- | --- |")
    for row in rows:
        spoken_text = normalise_text(row.text, row.language)
        differing += spoken_text != row.expected
        if spoken_text != row.expected or not only_differing:
            note = f" (expected: {row.expected})" if spoken_text != row.expected else ""
            print(f"| {row.language} | {_cell(row.text)} | {_cell(spoken_text + note)} |")
    print(f"\n{len(rows)} sentences, {differing} read otherwise than expected.")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
