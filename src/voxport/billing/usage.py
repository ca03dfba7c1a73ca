"""What was used and charged: by service, day, voice or key. For the customer and for the operator."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from voxport.billing import repository
from voxport.billing.money import MICRO, format_tokens
from voxport.db.session import Database
from voxport.errors import Invalid

GroupBy = Literal["service", "day", "voice", "key"]
COLUMNS = ("group", "calls", "units", "tokens")

_DATETIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII)
_FORMULA_PREFIXES = tuple("=+-@\t\r\n|")


@dataclass(frozen=True)
class Period:
    """From a moment on, and up to another one that is not part of it; None is without an end."""

    begin: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class UsageRow:
    """The calls of one group. `group` is a service, a day of UTC (`2026-04-27`), or the id of a voice or key; it is
    empty for calls without one. `micro_units` are millionths of items or seconds, `tokens` micro-tokens: what was
    charged, less what was refunded of it (and as large a part of the units)."""

    profile_id: str
    group: str
    calls: int
    micro_units: int
    tokens: int


def usage(database: Database, profile_id: str | None, *, group_by: GroupBy, period: Period) -> list[UsageRow]:
    """The charges of a profile, or (None, for the operator) of each one, in the order of the groups. A call counts
    when it was charged; a refund lowers the row of the call that it refunds, whenever it came."""
    with database.snapshot() as tx:
        rows = repository.usage(tx, profile_id, group_by, period.begin, period.end)
    return sorted((UsageRow(*row) for row in rows), key=lambda row: (row.profile_id, row.group))


def parse_period(begin: str | None, end: str | None) -> Period:
    """The period between two dates or date-times of ISO 8601, in UTC where they name no zone. Raises Invalid."""
    period = Period(_parse_datetime(begin, "from"), _parse_datetime(end, "to"))
    if period.begin is not None and period.end is not None and period.begin > period.end:
        raise Invalid("`from` is later than `to`.", location=("query", "from"))
    return period


def to_csv(rows: Sequence[Sequence[str]]) -> str:
    """The rows as RFC 4180 has it. A cell that a spreadsheet would take for a formula gets an apostrophe in front."""
    text = io.StringIO()
    csv.writer(text).writerows([[_escape_formula(cell) for cell in row] for row in rows])
    return text.getvalue()


def format_row(row: UsageRow) -> tuple[str, str, str, str]:
    """A row as text, under COLUMNS."""
    return row.group, str(row.calls), f"{row.micro_units / MICRO:.15g}", format_tokens(row.tokens)


def _parse_datetime(text: str | None, name: str) -> datetime | None:
    if text is None:
        return None
    try:
        if _DATETIME.fullmatch(text) is None:
            raise ValueError
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(
            f"`{name}` is no date: write 2026-04-27, or 2026-04-27T10:30:00Z (in a URL, a + is %2B).",
            location=("query", name),
        ) from None


def _escape_formula(cell: str) -> str:
    is_number = re.fullmatch(r"-?[0-9.]+", cell) is not None
    return f"'{cell}" if cell.startswith(_FORMULA_PREFIXES) and not is_number else cell
