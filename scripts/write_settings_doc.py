"""Writes docs/settings.md from the descriptions of the settings: `python scripts/write_settings_doc.py`.

A test fails if the file differs from the output.
"""

from __future__ import annotations

from pathlib import Path

from pydantic_core import PydanticUndefined

from voxport.provider_settings import ProviderSettings
from voxport.settings import Settings

TARGET = Path(__file__).resolve().parent.parent / "docs" / "settings.md"

_HEAD = """\
# Settings

Environment variables, or lines of a `.env` file in the folder where `voxport` is started, which is
read only if it is yours (or root's) and nobody else may write it. Written by
`scripts/write_settings_doc.py`.

| variable | default | what it does |
|---|---|---|
"""


def settings_doc() -> str:
    """Return the page as Markdown: the gateway's own settings, then those of the providers."""
    rows = []
    ordered = sorted(Settings.model_fields.items(), key=lambda item: item[0] in ProviderSettings.model_fields)
    for name, field in ordered:
        default = field.default
        if isinstance(default, tuple):
            default = ",".join(f"{value:g}" for value in default)
        shown = "" if default in (None, PydanticUndefined, frozenset(), "") else f"`{default}`"
        rows.append(f"| `VOXPORT_{name.upper()}` | {shown} | {field.description} |")
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    TARGET.write_text(settings_doc(), "utf-8")
