"""Reads the files of votes that the page saves, and checks them: they come from other people's machines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from benchmarks.quality.listening.clips import Kind

_MAX_FILE_BYTES = 10_000_000
_Name = Annotated[str, Field(max_length=200)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class VotedCandidate(_Row):
    letter: Annotated[str, Field(pattern="^[A-Z]$")]
    kind: Kind
    clip: _Name
    likeness: Annotated[int, Field(ge=0, le=100)] | None
    """How much it sounds like the speaker: 0 is someone else, 100 the same person."""

    naturalness: Annotated[int, Field(ge=1, le=5)] | None
    """1 is bad, 5 excellent (ITU-T P.800)."""

    plays: Annotated[int, Field(ge=0)]


class VotedScreen(_Row):
    number: int
    speaker: _Name
    sentence: Annotated[str, Field(max_length=1000)]
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Time that the screen was visible."""

    candidates: Annotated[list[VotedCandidate], Field(max_length=8)]

    def is_rated(self) -> bool:
        return all(each.likeness is not None and each.naturalness is not None for each in self.candidates)

    def of(self, kind: Kind) -> VotedCandidate | None:
        return next((each for each in self.candidates if each.kind == kind), None)


class RatedPage(_Row):
    model_config = ConfigDict(extra="allow")
    id: _Name

    def about(self) -> dict[str, Any]:
        """What `listen.py` wrote about the page: when it was made, the trees and the settings."""
        return dict(self.__pydantic_extra__ or {})


class Votes(_Row):
    """A file of votes. `session` is one rater's; screens and candidates are in the order in which they were heard."""

    format: Literal["voxport-listening-votes"]
    version: Literal[1]
    page: RatedPage
    session: _Name
    seed: Annotated[int, Field(ge=0, lt=2**32)]
    rater: _Name
    device: _Name
    started: _Name
    saved: AwareDatetime
    screens: Annotated[list[VotedScreen], Field(max_length=1000)]


def read_votes(paths: Sequence[Path]) -> list[Votes]:
    """Read files of votes on one page. Of files of the same session only the one saved last counts.

    Ends the program with a message for a file that is damaged or not one of votes, and for votes on different pages,
    where "new" may be different engines.
    """
    by_session: dict[str, Votes] = {}
    pages: dict[str, Path] = {}
    for path in paths:
        votes = _read(path)
        pages.setdefault(votes.page.id, path)
        former = by_session.get(votes.session)
        if former is None or votes.saved >= former.saved:
            by_session[votes.session] = votes
    if len(pages) > 1:
        raise SystemExit(
            f"These votes are on different pages; read each by itself: {', '.join(map(str, pages.values()))}."
        )
    return list(by_session.values())


def _read(path: Path) -> Votes:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_FILE_BYTES + 1)
        if len(content) > _MAX_FILE_BYTES:
            raise SystemExit(f"{path} is too large for a file of votes.")
        votes = Votes.model_validate_json(content)
    except OSError as error:
        raise SystemExit(f"{path} can't be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SystemExit(f"{path} is not a file of votes: {where}: {first['msg']}.") from error
    return votes
