"""The fenced blocks of README and docs. `python -m tests.docs.snippets` counts them by what the tests do with them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
RUN: Final = {"python", "bash", "console"}
PARSED: Final = {"json", "toml", "yaml", "ini"}
DRAWN: Final = {"mermaid"}
OUTPUT: Final = {"text"}
_FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>.*?) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Snippet:
    page: str
    line: int
    language: str
    code: str
    reason: str | None
    """Why it is not run, if it is not."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> str:
        """Return the commands of a shell snippet: of a console, those after `$ `, without their output."""
        if self.language != "console":
            return self.code
        commands: list[str] = []
        continues = False
        for line in self.code.splitlines():
            is_command = line.startswith("$ ") or continues
            if is_command:
                commands.append(line if continues else line.removeprefix("$ "))
            continues = is_command and line.endswith("\\")
        return "\n".join(commands) + "\n"


def pages() -> list[str]:
    """Return the pages of the project, as paths from its root."""
    found = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "clients/python/README.md")]
    found += [*sorted((ROOT / "examples").glob("*/README.md")), *sorted((ROOT / "docs").rglob("*.md"))]
    return [path.relative_to(ROOT).as_posix() for path in found]


def snippets(page: str) -> list[Snippet]:
    text = (ROOT / page).read_text("utf-8")
    return [
        Snippet(
            page, text.count("\n", 0, block.start("language")) + 1, block["language"], block["code"], block["reason"]
        )
        for block in _FENCE.finditer(text)
    ]


def fences(page: str) -> int:
    """Return the number of lines that begin or end a block, whatever its shape."""
    return len(re.findall(r"^ *(?:```|~~~)", (ROOT / page).read_text("utf-8"), re.MULTILINE))


def pages_with(languages: set[str]) -> list[str]:
    """Return the pages that have a block of these languages which is not marked."""
    return [page for page in pages() if any(one.language in languages and one.reason is None for one in snippets(page))]


def counts() -> Counter[str]:
    """Return how many blocks are run, parsed, drawn, shown as output, and not run."""
    kinds = {"run": RUN, "parsed": PARSED, "drawn": DRAWN, "output": OUTPUT}
    found: Counter[str] = Counter()
    for page in pages():
        for one in snippets(page):
            kind = next((name for name, languages in kinds.items() if one.language in languages), "unknown")
            found["not run" if one.reason is not None else kind] += 1
    return found


if __name__ == "__main__":
    print(", ".join(f"{number} {kind}" for kind, number in counts().most_common()))
    for page in pages():
        for one in snippets(page):
            if one.reason is not None:
                print(f"  not run: {one}: {one.reason}")
