"""POST /v1/proxy/core-tts and /v1/estimate."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from pydantic import WithJsonSchema
from starlette.concurrency import run_in_threadpool

from voxport.accounts.authentication import AuthenticatedRoute, Caller
from voxport.accounts.service import Principal
from voxport.audio.codec.encode import FORMATS, STREAM_FORMATS
from voxport.billing.money import format_tokens, json_number, to_micro
from voxport.catalog import Catalog, Service
from voxport.errors import Invalid
from voxport.idempotency.claim import ReplayableResponse
from voxport.idempotency.direct_route import DirectRoute, require_key
from voxport.idempotency.route import IDEMPOTENCY_KEY_PARAMETER, claim_of, json_response
from voxport.jobs.endpoints import accepted
from voxport.jobs.models import Job
from voxport.jobs.schemas import AcceptedBody
from voxport.speech.preparation import PreparedSpeech, SpeechRequest
from voxport.speech.preview import estimate_data
from voxport.speech.progress import SynthesisProgress
from voxport.speech.result import SpeechResult
from voxport.speech.schemas import (
    Cost,
    EstimateBody,
    SpeechBody,
    SpeechData,
    SpokenBody,
    SubtitleFileBody,
    SubtitlesBody,
    TimestampBody,
    Usage,
    UsedDictionaryBody,
)
from voxport.speech.service import SERVICE, HeldSpeech, SpeechService
from voxport.speech.timestamps import timestamps
from voxport.web.concurrency import Admission, ConcurrencyLimiters, run_shielded
from voxport.web.dependencies import Injected, service_of
from voxport.web.headers import warnings_header
from voxport.web.params import header_parameter
from voxport.web.streaming import LiveStreamResponse, StreamPart, close_chunks, next_part

router = APIRouter(tags=["speech"], route_class=DirectRoute)
estimates = APIRouter(tags=["speech"], route_class=AuthenticatedRoute)

_PREFER = "`respond-async`: answer with a job at once. Without it the call waits for the audio."
Prefer = Annotated[
    list[str] | None,
    Header(alias="Prefer", description=_PREFER),
    WithJsonSchema({"type": "string"}),  # the docs page has no input box for a list; several headers are rare
]


@router.post(
    "/v1/proxy/core-tts",
    summary="Text to speech, as a file in storage, as a job, or as a stream",
    response_model=SpokenBody | AcceptedBody,
    responses={
        200: {
            "content": {FORMATS[name].content_type: {} for name in STREAM_FORMATS},
            "description": "The file, or the stream, whose headers say in X-Voxport-Warnings and Content-Language what "
            "the file's answer says in warnings and language",
            "headers": {
                "X-Gateway-Cache": {
                    "schema": {"type": "string", "enum": ["hit"]},
                    "description": "The file is that of an identical earlier call, and costs nothing. Not there "
                    "where the text was spoken.",
                }
            },
        },
        202: {"model": AcceptedBody, "description": "`Prefer: respond-async`: the job that speaks it"},
    },
    openapi_extra={"parameters": [header_parameter("Prefer", _PREFER), IDEMPOTENCY_KEY_PARAMETER]},
)
async def speak(body: SpeechBody, http: Request) -> Response:
    caller: Principal = http.state.principal
    request_id: str = http.state.request_id
    limiters: ConcurrencyLimiters = http.app.state.limiters
    speech, catalog = service_of(http, SpeechService), service_of(http, Catalog)
    request = speech_request(body, http.headers.getlist("prefer"))
    if request.is_job:
        return json_response(_job_answer(await run_in_threadpool(partial(_submit, speech, caller, request, http))))
    progress, service = SynthesisProgress(), catalog.services[SERVICE]
    prepared: PreparedSpeech

    def answer(result: SpeechResult | SynthesisProgress) -> ReplayableResponse:
        if isinstance(result, SynthesisProgress):
            return ReplayableResponse(200, headers())
        body = spoken_body(prepared, result, service).model_dump(mode="json")
        return ReplayableResponse(200, {"X-Gateway-Cache": "hit"} if result.is_cached else {}, body)

    def headers() -> dict[str, str]:
        return _stream_headers(prepared, progress, hold=speech.max_cost(prepared))

    admission = Admission(caller.profile_id, http.receive, on_disconnect=progress.on_listener_left)
    held: HeldSpeech
    chunks: Generator[bytes, None, None] | None = None

    def begin() -> SpeechResult | StreamPart | None:
        """Hold the price, and go on in this thread if the provider has room; else return None."""
        nonlocal prepared, held
        require_key(http)
        prepared, claim = speech.prepare(caller, request), claim_of(http, answer)
        cached = speech.find_cached(prepared, request_id=request_id, claim=claim)
        if cached is not None:
            return cached
        prepared = prepared.starting_with(limiters.first_available(prepared.providers))
        has_slot = admission.try_enter(limiters.for_provider(prepared.providers[0]))
        held = speech.hold(prepared, request_id=request_id, claim=claim, begins_now=has_slot)
        return begin_speaking() if has_slot else None

    def begin_speaking() -> SpeechResult | StreamPart:
        nonlocal chunks
        if not request.is_stream:
            return speech.speak(held)
        chunks = speech.stream(held, progress)
        part = next_part(chunks, progress.is_complete)
        if progress.is_discarded:  # the request was cancelled meanwhile, and could not close what was running
            chunks.close()
        return part

    try:
        first = await limiters.begin(begin)
        if first is None:
            limiter = limiters.for_provider(prepared.providers[0])
            first = await admission.run_in_turn(limiter, begin_speaking, on_rejected=lambda: speech.release(held))
        if isinstance(first, SpeechResult):
            admission.end()
            return json_response(answer(first))
        assert chunks is not None
        return LiveStreamResponse(
            limiters.for_provider(prepared.providers[0]),
            admission,
            first,
            chunks,
            headers=headers(),
            is_complete=progress.is_complete,
            on_stalled=progress.on_listener_left,
            on_discarded=progress.on_discarded,
        )
    except BaseException:
        progress.on_discarded()
        try:
            if chunks is not None:
                await run_shielded(partial(close_chunks, chunks))
        finally:
            admission.end()
        raise


def _submit(speech: SpeechService, caller: Principal, request: SpeechRequest, http: Request) -> Job:
    require_key(http)
    prepared = speech.prepare(caller, request)
    return speech.submit(prepared, request_id=http.state.request_id, claim=claim_of(http, _job_answer))


def _job_answer(job: Job) -> ReplayableResponse:
    return accepted(job, **{"Preference-Applied": "respond-async"})


@estimates.post("/v1/estimate", summary="What a call of core-tts would cost; it costs nothing to ask")
def estimate(
    body: SpeechBody,
    caller: Caller,
    speech: Injected[SpeechService],
    catalog: Injected[Catalog],
    prefer: Prefer = None,
) -> EstimateBody:
    found = speech.estimate(caller, speech_request(body, prefer))
    service = catalog.services[SERVICE]
    return EstimateBody(data=estimate_data(found, service))


def speech_request(body: SpeechBody, prefer: list[str] | None = None) -> SpeechRequest:
    """Build the service's request. Raises Invalid for a stream that is also a job."""
    is_job = _is_async_preferred(prefer)
    if is_job and body.stream:
        raise Invalid(
            "A stream is answered at once, and `Prefer: respond-async` asks for a job: choose one. Leave out the "
            "header for a stream, or `stream` for a job.",
            location=("body", "stream"),
        )
    return SpeechRequest(
        text=body.text,
        voice_id=body.voice_id,
        provider=body.provider,
        output_format=body.output_format,
        sample_rate=body.sample_rate,
        language=body.language,
        voice_settings=body.voice_settings.sent() if body.voice_settings is not None else {},
        folder_id=body.folder_id,
        is_job=is_job,
        is_stream=body.stream,
        webhook_url=body.webhook_url,
        markup=body.markup,
        pronunciations=None if body.pronunciations is None else tuple(body.pronunciations),
        timestamps=body.timestamps,
        subtitles=tuple(body.subtitles),
        use_cache=body.cache,
    )


def _subtitles_body(result: SpeechResult) -> SubtitlesBody | None:
    files = {name: SubtitleFileBody(url=file.url, key=file.key) for name, file in result.subtitles.items()}
    return SubtitlesBody(**files) if files else None


def _is_async_preferred(prefer: list[str] | None) -> bool:
    """Whether one of the preferences (RFC 7240) is `respond-async`."""
    preferences = ",".join(prefer or []).split(",")
    return any(one.split(";")[0].strip().lower() == "respond-async" for one in preferences)


def _stream_headers(prepared: PreparedSpeech, progress: SynthesisProgress, *, hold: int) -> dict[str, str]:
    headers = {
        "Content-Type": prepared.audio_format.content_type,
        "X-Used-Voice-Id": prepared.request.voice_id,
        "X-Provider": progress.provider,
        "X-Text-Length": str(len(prepared.request.text)),
        "X-Gateway-Hold": format_tokens(hold),
    }
    if prepared.language is not None:
        headers["Content-Language"] = prepared.language
    return headers | warnings_header(prepared.warnings)


def spoken_body(prepared: PreparedSpeech, result: SpeechResult, service: Service) -> SpokenBody:
    """Build the answer of a call that spoke into a file."""
    billed, request = float(result.billed_seconds), prepared.request
    return SpokenBody(
        data=SpeechData(
            url=result.url,
            key=result.key,
            folder_id=request.folder_id,
            provider=result.provider,
            voice_id=request.voice_id,
            duration_seconds=float(result.seconds),
            language=prepared.language,
            warnings=list(prepared.warnings),
            pronunciations=[UsedDictionaryBody(id=one.id, version=one.version) for one in prepared.dictionaries],
            timestamps=None
            if request.timestamps is None
            else [
                TimestampBody.model_validate(one.to_json())
                for one in timestamps(result.words, request.text, request.timestamps)
            ],
            subtitles=_subtitles_body(result),
        ),
        usage=Usage(units=billed, unit_type=service.unit_type),
        cost=Cost(
            units=billed,
            unit_price=json_number(to_micro(service.unit_price)),
            tokens=json_number(result.cost),
            balance=json_number(result.balance),
        ),
    )
