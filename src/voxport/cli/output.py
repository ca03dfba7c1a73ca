"""What commands print: tables, JSON, amounts, and text that a terminal does not obey."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import click

from voxport.cli.api_names import with_options

_JSON: Final = "voxport.json"
_LATE_CONTROLS: Final = re.compile("[\x7f-\x9f]")
"""Control characters that JSON allows in a string, and some terminals obey."""


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--json`, which `is_json()` reads."""
    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=lambda context, _, value: context.meta.__setitem__(_JSON, value),
        help="Print JSON, and nothing else, on standard output.",
    )(command)


def is_json() -> bool:
    """Whether the command that runs was given `--json`."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(_JSON))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns as wide as their widest cell, or with `--json` a list of objects. Nothing is cut, coloured or
    wrapped, in a terminal or a pipe."""
    if is_json():
        names = [name.lower().replace(" ", "_") for name in header]
        print_json([dict(zip(names, row, strict=True)) for row in rows])
        return
    cells = [header, *[[printable(cell) for cell in row] for row in rows]]
    widths = [max(_width(row[i]) for row in cells) for i in range(len(header))]
    for row in cells:
        padded = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def print_json(value: Any) -> None:
    """Print a value as JSON. Amounts are numbers and moments are ISO 8601, as in the API."""
    is_unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    text = json.dumps(_json(value), ensure_ascii=not is_unicode, indent=2)
    click.echo(_LATE_CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def print_csv(text: str) -> None:
    """Print CSV: as it is for a program, without control characters in a terminal."""
    click.echo(printable(text.replace("\r\n", "\n")) if sys.stdout.isatty() else text, nl=False)


def note(message: str) -> None:
    """Print a line for people on standard error, so that standard output holds only the result."""
    click.echo(printable(message), err=True)


def warn(messages: Sequence[str]) -> None:
    """Print warnings of a gateway."""
    for message in messages:
        note(f"Warning: {with_options(message)}")


def printable(text: str) -> str:
    """Return the text without control characters, which would move the cursor or change a terminal's title."""
    return "".join(
        letter if letter in "\n\t" or unicodedata.category(letter) not in ("Cc", "Cs") else "\ufffd" for letter in text
    )


def tokens(amount: Decimal) -> str:
    """An amount of tokens without zeros at its end: `0.021`."""
    return f"{amount.quantize(Decimal('0.000001')):f}".rstrip("0").rstrip(".") or "0"


def moment(value: datetime | None) -> str:
    return "-" if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    """`4.2 s`, `12 min 5 s` or `2 h 3 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def _json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        named = {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
        return _json({**named.pop("extra", {}), **named})
    if isinstance(value, dict):
        return {name: _json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json(one) for one in value]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
