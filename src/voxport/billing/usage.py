"""Usage reports: charges grouped by service, day, voice or key, for customers and the operator."""

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
    """The half-open period [`begin`, `end`); None means unbounded."""

    begin: datetime | None = None
    end: datetime | None = None


@dataclass(frozen=True)
class UsageRow:
    """The calls of one group. `group` is a service, a day in UTC (`2026-04-27`), or the id of a voice or key; it is
    empty for calls without one. `micro_units` are millionths of items or seconds, `tokens` are micro-tokens. Both are
    net of refunds, which reduce the units in proportion."""

    profile_id: str
    group: str
    calls: int
    micro_units: int
    tokens: int


def usage(database: Database, profile_id: str | None, *, group_by: GroupBy, period: Period) -> list[UsageRow]:
    """Return the charges of a profile, or (None, for the operator) of each one, sorted by group. A call counts at the
    time of its charge; a refund, whatever its date, reduces the row of its call."""
    with database.snapshot(is_long=profile_id is None) as tx:
        rows = repository.usage(tx, profile_id, group_by, period.begin, period.end)
    return sorted((UsageRow(*row) for row in rows), key=lambda row: (row.profile_id, row.group))


def parse_period(begin: str | None, end: str | None) -> Period:
    """Parse two ISO 8601 dates or date-times, in UTC if they have no zone. Raises Invalid."""
    period = Period(_parse_datetime(begin, "from"), _parse_datetime(end, "to"))
    if period.begin is not None and period.end is not None and period.begin > period.end:
        raise Invalid("`from` is later than `to`.", location=("query", "from"))
    return period


def to_csv(rows: Sequence[Sequence[str]]) -> str:
    """Format the rows as CSV (RFC 4180). Cells that a spreadsheet would run as formulas are prefixed with an
    apostrophe."""
    text = io.StringIO()
    csv.writer(text).writerows([[_escape_formula(cell) for cell in row] for row in rows])
    return text.getvalue()


def format_row(row: UsageRow) -> tuple[str, str, str, str]:
    """Return a row's cells as text, in the order of COLUMNS."""
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
