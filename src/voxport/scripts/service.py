"""core-tts-batch: a whole script with a cast, as a job; billed as core-tts, by the second of each spoken line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Final

from sqlalchemy.orm import Session

from voxport.accounts.service import Principal
from voxport.audio.arrays import SAMPLE_RATE
from voxport.audio.codec.encode import FORMATS
from voxport.billing.claims import NO_CLAIM, Claim
from voxport.billing.money import format_tokens
from voxport.billing.service import Billing
from voxport.db.session import Database
from voxport.errors import Invalid
from voxport.jobs.models import Job
from voxport.jobs.service import Jobs, NewJob
from voxport.media.service import MediaService
from voxport.moderation.service import Moderation
from voxport.scripts import repository
from voxport.scripts.models import JobLine
from voxport.scripts.preparation import CastMember, PreparedLine, PreparedScript, ScriptPreparation
from voxport.scripts.script import Script
from voxport.speech.durations import billed_seconds
from voxport.speech.service import SERVICE as BILLED_AS
from voxport.spoken_lines.service import SpokenLines

SERVICE: Final = "core-tts-batch"
FILES_FOLDER: Final = "audio/scripts"
"""Storage folder of the files of all jobs; each has one of its own in it."""
OUTPUTS: Final = ("lines", "joined", "stems", "srt", "vtt", "m4b", "epub")
_MODERATED_CHARACTERS: Final = 5_000
_MAX_PAUSES: Final = 10 * 3600
_MAX_WHOLE_SECONDS: Final = 18 * 3600
"""Seconds of a file of the whole: a WAV of 4 GiB has 24 hours, and an estimate may be wrong by a fifth."""
_MAX_SECONDS_OF_FILES: Final = 500 * 3600
"""Of all audio files of a job together. Stems are as long as the whole, for each character; the slowest encoder makes
480 seconds of sound in one."""
_AAC_BYTES_PER_SECOND: Final = 12_000


@dataclass(frozen=True)
class ScriptRequest:
    """`max_cost` in micro-tokens: the job costs no more, and is refused if it is likely to."""

    script: Script
    cast: Mapping[str, CastMember]
    outputs: tuple[str, ...] = ("joined",)
    output_format: str = "mp3"
    pronunciations: tuple[str, ...] = ()
    max_cost: int | None = None
    folder_id: str | None = None
    webhook_url: str | None = None


@dataclass(frozen=True)
class CharacterEstimate:
    """Lines that a character says, those that have to be spoken, their expected seconds and price in micro-tokens."""

    character: str
    lines: int
    spoken: int
    seconds: Decimal
    cost: int


@dataclass(frozen=True)
class ScriptEstimate:
    """What a script comes to. `seconds` and `cost` are expected of the lines that have to be spoken; `held` is the most
    that the job can cost. Amounts in micro-tokens; `duration` in seconds, of the whole, with its pauses."""

    characters: tuple[CharacterEstimate, ...]
    lines: int
    spoken: int
    seconds: Decimal
    cost: int
    held: int
    duration: Decimal
    warnings: tuple[str, ...]


class ScriptService:
    def __init__(
        self,
        database: Database,
        preparation: ScriptPreparation,
        spoken_lines: SpokenLines,
        billing: Billing,
        jobs: Jobs,
        media: MediaService,
        moderation: Moderation,
    ) -> None:
        self._database = database
        self._preparation = preparation
        self._spoken_lines = spoken_lines
        self._billing = billing
        self._jobs = jobs
        self._media = media
        self._moderation = moderation

    def estimate(self, caller: Principal, request: ScriptRequest) -> ScriptEstimate:
        """Check a script and say what it would cost. Holds and records nothing. Raises Invalid, which names the line,
        NotFound, BadRequest, ProviderUnavailable."""
        return self._estimate(caller, request, self._prepare(caller, request))

    def submit(self, caller: Principal, request: ScriptRequest, *, request_id: str, claim: Claim = NO_CLAIM) -> Job:
        """Check a script and queue it. Raises what `estimate` does, Forbidden and ModerationUnavailable,
        WebhookUrlUnusable, InsufficientCredits."""
        prepared = self._prepare(caller, request)
        estimate = self._estimate(caller, request, prepared)
        self._moderate(caller, prepared)  # after all that is free, since a moderator may cost
        providers = [prepared.members[line.line.character].voice.provider for line in prepared.lines]
        # A job with a local line waits for the engine; one without needs none.
        provider = next((one for one in providers if not one.capabilities().is_hosted), providers[0])
        rows = [_row(number, line) for number, line in enumerate(prepared.lines)]

        def record(tx: Session, job: Job) -> None:
            self._media.require_quota(tx, caller.profile_id, _expected_bytes(request, estimate))
            self._spoken_lines.touch(tx, caller.profile_id, {line.digest for line in prepared.lines})
            repository.add_script(
                tx, _script_row(job, request.script, prepared), [{"job_id": job.id, **row} for row in rows]
            )

        return self._jobs.submit(
            NewJob(
                profile_id=caller.profile_id,
                service=SERVICE,
                billed_as=BILLED_AS,
                request={
                    "provider": provider.name,
                    "outputs": list(request.outputs),
                    "output_format": request.output_format,
                    "folder_id": request.folder_id,
                },
                output_id=FILES_FOLDER,
                amount=estimate.held,
                request_id=request_id,
                claim=claim,
                key_id=caller.key_id,
                webhook_url=request.webhook_url,
                provider=provider.name,
            ),
            in_same_tx=record,
        )

    def lines(self, profile_id: str, job_id: str, *, after: int, limit: int) -> tuple[Job, Sequence[JobLine]]:
        """Return a job and its lines behind the number `after`, in order; none for a job of another service. Raises
        NotFound."""
        job = self._jobs.get(profile_id, job_id)
        with self._database.snapshot() as tx:
            return job, repository.lines(tx, job_id, after=after, limit=limit)

    def line_price(self, samples: int) -> int:
        """Return the price of a line, in micro-tokens."""
        return self._billing.price(BILLED_AS, billed_seconds(samples))

    def erase(self, profile_id: str) -> Sequence[str]:
        """Remove the scripts of a profile."""
        with self._database.snapshot() as tx:
            found = repository.scripts_of(tx, profile_id)
        for job_id in found:
            with self._database.transaction() as tx:
                repository.remove_script(tx, job_id)
        return []

    def _prepare(self, caller: Principal, request: ScriptRequest) -> PreparedScript:
        return self._preparation.prepare(caller, request.script, request.cast, request.pronunciations)

    def _moderate(self, caller: Principal, prepared: PreparedScript) -> None:
        """Let each voice's lines be judged together, in texts of at most some thousand characters."""
        texts: dict[str, list[str]] = {}
        for line in prepared.lines:
            found = texts.setdefault(prepared.members[line.line.character].voice_id, [])
            if not found or len(found[-1]) + len(line.read_text) > _MODERATED_CHARACTERS:
                found.append(line.read_text)
            else:
                found[-1] += f"\n{line.read_text}"
        for voice_id, parts in texts.items():
            for text in parts:
                self._moderation.require(text, profile_id=caller.profile_id, voice_id=voice_id, service=BILLED_AS)

    def _estimate(self, caller: Principal, request: ScriptRequest, prepared: PreparedScript) -> ScriptEstimate:
        paid = self._spoken_lines.find_paid(caller.profile_id, {line.digest for line in prepared.lines})
        new: dict[str, PreparedLine] = {}
        for line in prepared.lines:
            if line.digest not in paid:
                new.setdefault(line.digest, line)
        characters = tuple(self._of_character(name, prepared.lines, list(new.values())) for name in prepared.members)
        cost = sum(one.cost for one in characters)
        if request.max_cost is not None and cost > request.max_cost:
            raise Invalid(
                f"The script is likely to cost {format_tokens(cost)} tokens, and max_tokens_cost is "
                f"{format_tokens(request.max_cost)}. Raise it, or shorten the script.",
                location=("body", "max_tokens_cost"),
                details={"tokens": format_tokens(cost)},
            )
        durations = (line.expected + Decimal(str(line.pause)) for line in prepared.lines)
        duration = sum(durations, Decimal(0))
        _require_makeable(request, duration, sum(line.pause for line in prepared.lines), len(characters))
        held = sum(self._billing.price(BILLED_AS, line.longest) for line in new.values())
        return ScriptEstimate(
            characters,
            len(prepared.lines),
            len(new),
            sum((one.seconds for one in characters), Decimal(0)),
            cost,
            held if request.max_cost is None else min(held, request.max_cost),
            duration,
            prepared.warnings,
        )

    def _of_character(self, name: str, lines: Sequence[PreparedLine], new: Sequence[PreparedLine]) -> CharacterEstimate:
        said = sum(line.line.character == name for line in lines)
        spoken = [line.expected for line in new if line.line.character == name]
        seconds = sum(spoken, Decimal(0))
        return CharacterEstimate(name, said, len(spoken), seconds, self._billing.price(BILLED_AS, seconds))


def _require_makeable(request: ScriptRequest, duration: Decimal, pauses: float, characters: int) -> None:
    """Raises Invalid for files that would be too long to be made, by themselves or together, and for more silence than
    a script has."""
    if pauses > _MAX_PAUSES:
        raise Invalid(
            f"The pauses of the script add up to {pauses / 3600:.0f} hours; {_MAX_PAUSES // 3600} are allowed.",
            location=("body", "script"),
        )
    if {"joined", "stems"} & set(request.outputs) and duration > _MAX_WHOLE_SECONDS:
        raise Invalid(
            f"The whole has about {duration / 3600:.0f} hours, and one file of it has at most "
            f"{_MAX_WHOLE_SECONDS // 3600}. Leave joined and stems out (m4b, epub and lines can be longer), or split "
            "it.",
            location=("body", "outputs"),
        )
    seconds = duration * (_copies(request, characters) + ("m4b" in request.outputs))
    if seconds > _MAX_SECONDS_OF_FILES:
        raise Invalid(
            f"The audio files of the script have about {seconds / 3600:,.0f} hours together, and a job makes at most "
            f"{_MAX_SECONDS_OF_FILES // 3600}. Ask for fewer outputs (stems are one file of the whole length for each "
            f"of {characters} characters), or split the script.",
            location=("body", "outputs"),
        )


def _script_row(job: Job, script: Script, prepared: PreparedScript) -> dict[str, Any]:
    cover = script.cover
    return {
        "job_id": job.id,
        "profile_id": job.profile_id,
        "facts": {
            "title": script.title,
            "author": script.author,
            "language": script.language,
            "chapters": [asdict(chapter) for chapter in script.chapters],
            "warnings": list(prepared.warnings),
        },
        "cast_members": {
            name: {
                "voice_id": member.voice_id,
                "provider": member.voice.provider.name,
                "rules": [asdict(rule) for rule in member.rules],
                "pronunciations": [asdict(one) for one in member.dictionaries],
            }
            for name, member in prepared.members.items()
        },
        "cover": None if cover is None else cover.content,
        "cover_type": None if cover is None else cover.content_type,
    }


def _row(number: int, prepared: PreparedLine) -> dict[str, Any]:
    line = prepared.line
    return {
        "number": number,
        "line_id": line.id,
        "character": line.character,
        "text": line.text,
        "markup": line.markup,
        "chapter": line.chapter,
        "pause_samples": round(prepared.pause * SAMPLE_RATE),
        "begins_paragraph": line.begins_paragraph,
        "language": prepared.language,
        "voice_settings": dict(prepared.settings),
        "expected_milliseconds": int(prepared.expected * 1000),
        "digest": prepared.digest,
        "samples": None,
        "start_sample": None,
        "is_charged": None,
        "findings": None,
    }


def _expected_bytes(request: ScriptRequest, estimate: ScriptEstimate) -> int:
    """Return about how many bytes the outputs will have."""
    seconds, rate = float(estimate.duration), FORMATS[request.output_format].bytes_per_second
    copies = _copies(request, len(estimate.characters))
    return int(seconds * (copies * rate + ("m4b" in request.outputs) * _AAC_BYTES_PER_SECOND))


def _copies(request: ScriptRequest, characters: int) -> int:
    """Return how many times the outputs have the sound of the whole, without the m4b."""
    copies = sum(name in request.outputs for name in ("lines", "joined", "epub"))
    return copies + (characters if "stems" in request.outputs else 0)
