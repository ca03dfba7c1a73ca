"""`client.scripts`: whole scripts with a cast, and audiobooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from voxport_client.models.jobs import Accepted
from voxport_client.models.names import CastMember, OutputFormat, ScriptFormat, ScriptLine, ScriptOutput
from voxport_client.models.scripts import JobLine, ScriptEstimate, ScriptResult
from voxport_client.paging import DEFAULT_LIMIT, AsyncPaginator, Paginator, page_calls
from voxport_client.resources.jobs import AsyncJobs, Jobs
from voxport_client.resources.media import AsyncMedia, Media
from voxport_client.resources.pending import AsyncPendingJob, PendingJob, script_result
from voxport_client.transport.async_transport import AsyncTransport
from voxport_client.transport.calls import Call, billed, parse_body, parse_data, path, sent
from voxport_client.transport.sync_transport import Transport
from voxport_client.transport.uploads import AudioSource, UploadProgress

_BATCH = "/v1/proxy/core-tts-batch"
Cast = Mapping[str, CastMember | str]
"""Who speaks each character: a voice's id, or that with how it speaks."""


def _body(cast: Cast, url: str | None, max_tokens_cost: Decimal | float | None, **fields: Any) -> dict[str, Any]:
    return {
        "cast": {name: {"voice_id": one} if isinstance(one, str) else one for name, one in cast.items()},
        **sent(
            scriptUrl=url,
            max_tokens_cost=None if max_tokens_cost is None else float(max_tokens_cost),
            **{name: list(one) if isinstance(one, tuple) else one for name, one in fields.items()},
        ),
    }


def _render(body: Mapping[str, Any], idempotency_key: str | None) -> Call[Accepted]:
    return billed(Call("POST", _BATCH, parse_body(Accepted), body=body), idempotency_key)


def _estimate(body: Mapping[str, Any]) -> Call[ScriptEstimate]:
    return Call("POST", _BATCH, parse_data(ScriptEstimate), body={**body, "dry_run": True})


def _lines_path(job_id: str) -> str:
    return path("/v2/jobs/{job_id}/lines", job_id=job_id)


class Scripts:
    def __init__(self, transport: Transport, jobs: Jobs, media: Media) -> None:
        self._transport = transport
        self._jobs = jobs
        self._media = media

    def render(
        self,
        *,
        cast: Cast,
        script: Sequence[ScriptLine] | None = None,
        text: str | None = None,
        path: AudioSource | None = None,
        script_format: ScriptFormat | None = None,
        outputs: Sequence[ScriptOutput] | None = None,
        output_format: OutputFormat | None = None,
        pronunciations: Sequence[str] | None = None,
        title: str | None = None,
        author: str | None = None,
        with_front_matter: bool | None = None,
        max_tokens_cost: Decimal | float | None = None,
        folder_id: str | None = None,
        webhook_url: str | None = None,
        on_upload: UploadProgress | None = None,
        idempotency_key: str | None = None,
    ) -> PendingJob[ScriptResult]:
        """Queue a script: `.wait()` gives its files. The script is one of `script` (lines), `text`, or `path`: a file,
        an EPUB too, or an `http(s)` URL of one. `script_format` says how a text or a file is written that does not look
        like it. Each character has a voice in `cast`. The job costs at most `max_tokens_cost`, and is refused if it is
        likely to cost more. Lines that an earlier job spoke cost nothing. Billed by the second, when the job
        completes."""
        url = self._url_of(path, on_upload)
        body = _body(
            cast,
            url,
            max_tokens_cost,
            script=script,
            script_text=text,
            script_format=script_format,
            outputs=outputs,
            output_format=output_format,
            pronunciations=pronunciations,
            title=title,
            author=author,
            with_front_matter=with_front_matter,
            folder_id=folder_id,
            webhook_url=webhook_url,
        )
        call = _render(body, idempotency_key)
        return PendingJob(self._jobs, self._transport.send(call), call.idempotency_key, script_result)

    def estimate(
        self,
        *,
        cast: Cast,
        script: Sequence[ScriptLine] | None = None,
        text: str | None = None,
        path: AudioSource | None = None,
        script_format: ScriptFormat | None = None,
        outputs: Sequence[ScriptOutput] | None = None,
        output_format: OutputFormat | None = None,
        pronunciations: Sequence[str] | None = None,
        title: str | None = None,
        author: str | None = None,
        with_front_matter: bool | None = None,
        max_tokens_cost: Decimal | float | None = None,
        on_upload: UploadProgress | None = None,
    ) -> ScriptEstimate:
        """Check a script, and say what it would cost: arguments are those of `render`. Free."""
        url = self._url_of(path, on_upload)
        body = _body(
            cast,
            url,
            max_tokens_cost,
            script=script,
            script_text=text,
            script_format=script_format,
            outputs=outputs,
            output_format=output_format,
            pronunciations=pronunciations,
            title=title,
            author=author,
            with_front_matter=with_front_matter,
        )
        return self._transport.send(_estimate(body))

    def lines(self, job_id: str, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> Paginator[JobLine]:
        """The lines of a script's job in order: while it runs, those that are ready; then where each is heard, and what
        it cost. `limit` is the size of a page."""
        return Paginator(self._transport, page_calls(_lines_path(job_id), JobLine, limit=limit), cursor)

    def _url_of(self, source: AudioSource | None, on_progress: UploadProgress | None) -> str | None:
        if source is None:
            return None
        return self._media.url_of(source, media_type="document", on_progress=on_progress)


class AsyncScripts:
    def __init__(self, transport: AsyncTransport, jobs: AsyncJobs, media: AsyncMedia) -> None:
        self._transport = transport
        self._jobs = jobs
        self._media = media

    async def render(
        self,
        *,
        cast: Cast,
        script: Sequence[ScriptLine] | None = None,
        text: str | None = None,
        path: AudioSource | None = None,
        script_format: ScriptFormat | None = None,
        outputs: Sequence[ScriptOutput] | None = None,
        output_format: OutputFormat | None = None,
        pronunciations: Sequence[str] | None = None,
        title: str | None = None,
        author: str | None = None,
        with_front_matter: bool | None = None,
        max_tokens_cost: Decimal | float | None = None,
        folder_id: str | None = None,
        webhook_url: str | None = None,
        on_upload: UploadProgress | None = None,
        idempotency_key: str | None = None,
    ) -> AsyncPendingJob[ScriptResult]:
        """Queue a script: `.wait()` gives its files. The script is one of `script` (lines), `text`, or `path`: a file,
        an EPUB too, or an `http(s)` URL of one. `script_format` says how a text or a file is written that does not look
        like it. Each character has a voice in `cast`. The job costs at most `max_tokens_cost`, and is refused if it is
        likely to cost more. Lines that an earlier job spoke cost nothing. Billed by the second, when the job
        completes."""
        url = await self._url_of(path, on_upload)
        body = _body(
            cast,
            url,
            max_tokens_cost,
            script=script,
            script_text=text,
            script_format=script_format,
            outputs=outputs,
            output_format=output_format,
            pronunciations=pronunciations,
            title=title,
            author=author,
            with_front_matter=with_front_matter,
            folder_id=folder_id,
            webhook_url=webhook_url,
        )
        call = _render(body, idempotency_key)
        return AsyncPendingJob(self._jobs, await self._transport.send(call), call.idempotency_key, script_result)

    async def estimate(
        self,
        *,
        cast: Cast,
        script: Sequence[ScriptLine] | None = None,
        text: str | None = None,
        path: AudioSource | None = None,
        script_format: ScriptFormat | None = None,
        outputs: Sequence[ScriptOutput] | None = None,
        output_format: OutputFormat | None = None,
        pronunciations: Sequence[str] | None = None,
        title: str | None = None,
        author: str | None = None,
        with_front_matter: bool | None = None,
        max_tokens_cost: Decimal | float | None = None,
        on_upload: UploadProgress | None = None,
    ) -> ScriptEstimate:
        """Check a script, and say what it would cost: arguments are those of `render`. Free."""
        url = await self._url_of(path, on_upload)
        body = _body(
            cast,
            url,
            max_tokens_cost,
            script=script,
            script_text=text,
            script_format=script_format,
            outputs=outputs,
            output_format=output_format,
            pronunciations=pronunciations,
            title=title,
            author=author,
            with_front_matter=with_front_matter,
        )
        return await self._transport.send(_estimate(body))

    def lines(self, job_id: str, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None) -> AsyncPaginator[JobLine]:
        """The lines of a script's job in order: while it runs, those that are ready; then where each is heard, and what
        it cost. `limit` is the size of a page."""
        return AsyncPaginator(self._transport, page_calls(_lines_path(job_id), JobLine, limit=limit), cursor)

    async def _url_of(self, source: AudioSource | None, on_progress: UploadProgress | None) -> str | None:
        if source is None:
            return None
        return await self._media.url_of(source, media_type="document", on_progress=on_progress)
