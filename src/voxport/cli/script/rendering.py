"""Renders a script once: estimate, question, job, files, report."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from voxport.cli.api_names import with_options
from voxport.cli.connection import GatewayConnection
from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode
from voxport.cli.output import duration, is_json, note, print_json, print_table, tokens, warn
from voxport.cli.progress import show_upload
from voxport.cli.recordings import is_url
from voxport.cli.script.cast_file import read_cast, resolve_cast
from voxport.cli.script.line_progress import show_lines
from voxport.cli.script.outputs import prepare_folder, save_outputs
from voxport.cli.waiting import wait_for

if TYPE_CHECKING:
    from voxport_client import CastMember, JobLine, ScriptEstimate, ScriptResult

_MAX_SHOWN: Final = 20
_SHOWN_BYTES: Final = 1024**2
"""An upload of less is done before a bar would be seen."""


@dataclass(frozen=True)
class Rendering:
    """What to render, and how. `options` are those that an estimate takes too."""

    source: str
    cast_path: Path
    options: dict[str, Any]
    folder: Path
    is_confirmed: bool
    idempotency_key: str | None = None

    def require_cast(self) -> None:
        """Raises CommandError for a cast that can't be read."""
        read_cast(self.cast_path)

    def cast(self, connection: GatewayConnection) -> dict[str, CastMember | str]:
        return resolve_cast(self.cast_path, read_cast(self.cast_path), connection.client.voices.overview())

    def estimate(self, connection: GatewayConnection) -> ScriptEstimate:
        """Say what it would cost, by character. Free. Raises CommandError."""
        with uploaded(connection, self.source) as url:
            found = self._estimate(connection, url, self.cast(connection))
        if is_json():
            print_json(found)
            return found
        warn(found.warnings)
        print_table(
            ("CHARACTER", "LINES", "TO SPEAK", "SECONDS", "TOKENS"),
            [
                (one.character, str(one.lines), str(one.spoken), f"{one.seconds:.1f}", tokens(one.tokens))
                for one in found.characters
            ],
        )
        self._note_price(connection, found)
        return found

    def render(self, connection: GatewayConnection) -> None:
        """Speak it, and save its files. Raises CommandError."""
        prepare_folder(self.folder)
        client = connection.client
        cast = self.cast(connection)
        with uploaded(connection, self.source) as url:
            estimate = self._estimate(connection, url, cast)
            warn(estimate.warnings)
            self._note_price(connection, estimate)
            self._confirm(estimate)
            pending = client.scripts.render(path=url, cast=cast, **self.options, idempotency_key=self.idempotency_key)

        def progress() -> contextlib.AbstractContextManager[Any]:
            return show_lines(
                lambda cursor: client.scripts.lines(pending.id, limit=100, cursor=cursor).first_page(), estimate
            )

        result = wait_for(connection, pending, "Speaking", progress=progress)
        lines = list(client.scripts.lines(pending.id, limit=100))
        files = {one.key: one.url for one in result.files.values()}
        files |= {line.key: line.url for line in lines if line.key is not None}
        saved = save_outputs(client, pending.id, files, self.folder)
        cost = pending.get().token_cost
        balance = client.billing.balance().balance
        note(
            f"{result.spoken} of {result.lines} {_lines(result.lines)} "
            f"{'was' if result.spoken == 1 else 'were'} spoken, "
            f"{tokens(cost)} tokens; {tokens(balance)} are left. {duration(result.duration_seconds)} in all."
        )
        note(
            f"{self.folder}: {len(saved.changed)} files are new or changed, {len(saved.unchanged)} were there already."
        )
        if saved.stale:
            shown = ", ".join(saved.stale[:_MAX_SHOWN]) + (", …" if len(saved.stale) > _MAX_SHOWN else "")
            note(f"Not of this script, and left there ({len(saved.stale)}): {shown}")
        problems = _problems(result, lines)
        _note_problems(problems, pending.id)
        if is_json():
            print_json(
                {
                    "job_id": pending.id,
                    "folder": str(self.folder),
                    "lines": result.lines,
                    "spoken": result.spoken,
                    "reused": result.reused,
                    "duration_seconds": result.duration_seconds,
                    "tokens": cost,
                    "balance": balance,
                    "changed": saved.changed,
                    "unchanged": len(saved.unchanged),
                    "stale": saved.stale,
                    "problems": [{"id": line.id, "findings": line.findings} for line in problems],
                    "warnings": estimate.warnings,
                }
            )
        else:
            click.echo(str(self.folder))

    def _estimate(self, connection: GatewayConnection, url: str, cast: dict[str, CastMember | str]) -> ScriptEstimate:
        from voxport_client import ValidationError

        try:
            return connection.client.scripts.estimate(path=url, cast=cast, **self.options)
        except ValidationError as error:
            unknown = unknown_characters(error)
            if not unknown:
                raise
            named = ", ".join(unknown[:_MAX_SHOWN]) + (", …" if len(unknown) > _MAX_SHOWN else "")
            raise CommandError(
                with_options(error.message),
                ExitCode.BAD_INPUT,
                f"Without a voice: {named}. `voxport script cast {self.source} -o {self.cast_path}` adds them.",
            ) from None

    def _note_price(self, connection: GatewayConnection, found: ScriptEstimate) -> None:
        balance = connection.client.billing.balance().balance
        if not found.spoken:
            note(f"Every line ({found.lines}) is there from an earlier job: it costs nothing.")
            return
        note(
            f"{found.spoken} of {found.lines} {_lines(found.lines)} to speak: about {duration(found.seconds)} for "
            f"{tokens(found.tokens)} tokens, at most {tokens(found.held)}. You have {tokens(balance)}."
        )

    def _confirm(self, estimate: ScriptEstimate) -> None:
        """Ask before anything is paid, where somebody can answer. Raises CommandError."""
        if self.is_confirmed or not estimate.tokens or not _can_ask():
            return
        if not click.confirm(f"Render it, for about {tokens(estimate.tokens)} tokens?", err=True):
            raise CommandError("The script was not rendered.", ExitCode.CANCELLED, "Nothing was charged.")


@contextlib.contextmanager
def uploaded(connection: GatewayConnection, source: str) -> Iterator[str]:
    """Upload a file for the time of the block, and yield its URL; a URL is yielded as it is. The upload stays where an
    answer was lost, since the same call names it again."""
    from voxport_client import ConnectionFailedError, VoxportError

    if is_url(source):
        yield source
        return
    media = connection.client.media
    is_shown = Path(source).stat().st_size >= _SHOWN_BYTES
    with show_upload("Uploading") if is_shown else contextlib.nullcontext(None) as on_progress:
        target = media.upload(Path(source), media_type="document", on_progress=on_progress)
    try:
        yield target.public_url
    except ConnectionFailedError:
        raise
    except BaseException:
        with contextlib.suppress(VoxportError):
            media.delete(target.object_key)
        raise
    with contextlib.suppress(VoxportError):
        media.delete(target.object_key)


def _can_ask() -> bool:
    return sys.stdin.isatty()


def unknown_characters(error: Any) -> list[str]:
    """Return the characters that the gateway found in a script and not in its cast, in their order."""
    found = error.details.get("unknown")
    return [str(one) for one in found] if isinstance(found, list) else []


def _problems(result: ScriptResult, lines: list[JobLine]) -> list[JobLine]:
    named = set(result.problems)
    return [line for line in lines if line.id in named or line.findings]


def _note_problems(problems: list[JobLine], job_id: str) -> None:
    if not problems:
        return
    note(f"{len(problems)} {_lines(len(problems))} may not sound right. Hear them:")
    for line in problems[:_MAX_SHOWN]:
        found = "; ".join(_finding(one) for one in line.findings) or "the check of its sound failed"
        note(f"  {line.id} {line.character}: {found}")
    if len(problems) > _MAX_SHOWN:
        note(f"  and {len(problems) - _MAX_SHOWN} more: `voxport script lines {job_id}` lists them all.")


def _finding(finding: dict[str, Any]) -> str:
    for name in ("message", "summary", "code", "kind"):
        if isinstance(finding.get(name), str):
            return str(finding[name])
    return ", ".join(f"{name} {value}" for name, value in finding.items())


def _lines(count: int) -> str:
    return "line" if count == 1 else "lines"
