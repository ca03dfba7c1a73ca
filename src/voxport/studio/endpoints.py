"""GET /studio and its files, the exchange of a sign-in link for a key, and takes that are heard while they are made.

These paths are the page's own: the OpenAPI document leaves them out.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from voxport.accounts.authentication import AuthenticatedRoute, Caller, RequestId
from voxport.accounts.rate_limits import RateLimits
from voxport.accounts.service import Accounts
from voxport.audit.service import Actor
from voxport.catalog import Catalog
from voxport.clock import iso
from voxport.db.session import Database
from voxport.errors import Forbidden, Invalid, NotFound, RateLimited
from voxport.idempotency.claim import ReplayableResponse
from voxport.idempotency.route import BilledRoute, ClaimFactory, json_response
from voxport.settings import Settings
from voxport.speech.endpoints import speech_request, spoken_body
from voxport.speech.result import SpeechResult
from voxport.speech.service import SERVICE, SpeechService
from voxport.storage.base import Storage
from voxport.studio.live_takes import CONTENT_TYPE, LiveTakes
from voxport.studio.page import assets, build, page, page_policy
from voxport.studio.schemas import (
    ProfileBody,
    ProfileData,
    SessionBody,
    SessionData,
    SessionRequest,
    TakeRequest,
    TicketBody,
    TicketData,
)
from voxport.studio.sign_in_links import SignInLinks
from voxport.web.concurrency import Admission, LimitersDep
from voxport.web.dependencies import Injected
from voxport.web.static_files import send_asset

router = APIRouter(include_in_schema=False)
tickets = APIRouter(include_in_schema=False, route_class=AuthenticatedRoute)
takes = APIRouter(include_in_schema=False, route_class=BilledRoute)

SESSION_LIFETIME: Final = timedelta(hours=12)
_FOREVER: Final = "public, max-age=31536000, immutable"
_NO_OTHER_DEVICES: Final = "camera=(), geolocation=(), microphone=(self)"


@router.get("/studio")
def studio(request: Request, settings: Injected[Settings], storage: Injected[Storage]) -> Response:
    headers = {
        "Content-Security-Policy": page_policy(storage),
        "Permissions-Policy": _NO_OTHER_DEVICES,
        "Cache-Control": "no-cache",
    }
    return send_asset(request, page(settings.public_url), headers)


@router.get("/studio/live/{ticket}")
async def listen(ticket: str, live: Injected[LiveTakes]) -> Response:
    """Whoever has the ticket's URL may listen, as with a signed URL of a file."""
    take = live.find(ticket)
    if take.is_full:
        raise RateLimited("Too many listen to this take. Play the file instead.", retry_after_seconds=5)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(take.listen(), media_type=CONTENT_TYPE, headers=headers)


@router.get("/studio/{version}/{path:path}")
def asset(version: str, path: str, request: Request) -> Response:
    found = assets().get(path) if version == build() else None
    if found is None:
        raise NotFound("There is no such file of the Studio, or not of this version. Open /studio again.")
    return send_asset(request, found, {"Cache-Control": _FOREVER})


@router.post("/studio/session", status_code=201)
async def exchange_link(
    body: SessionRequest,
    request: Request,
    links: Injected[SignInLinks],
    accounts: Injected[Accounts],
    database: Injected[Database],
) -> SessionBody:
    """Answer a link's token with a key of its profile that expires. Wrong tokens count as calls without a key."""

    def exchange() -> SessionData:
        profile_id = links.redeem(body.token)
        with database.transaction() as tx:
            actor = Actor("studio", request.state.request_id)
            row, key = accounts.create_session_key(tx, profile_id, "Studio", SESSION_LIFETIME, actor=actor)
            assert row.expires_at is not None
            return SessionData(key=key, expires_at=iso(row.expires_at))

    try:
        return SessionBody(data=await run_in_threadpool(exchange))
    except Forbidden:
        limits: RateLimits = request.app.state.rate_limits
        await limits.count_refused(request.scope)
        raise


@tickets.get("/studio/profile")
def profile(caller: Caller) -> ProfileBody:
    """Say whose key this is, so that the page keeps what is of one profile from another one in the same tab."""
    return ProfileBody(data=ProfileData(id=caller.profile_id))


@tickets.post("/studio/tickets", status_code=201)
def open_ticket(caller: Caller, live: Injected[LiveTakes]) -> TicketBody:
    ticket = live.open(caller.profile_id)
    return TicketBody(data=TicketData(ticket=ticket, path=f"studio/live/{ticket}"))


@takes.post("/studio/takes")
async def make_take(
    body: TakeRequest,
    http: Request,
    caller: Caller,
    request_id: RequestId,
    claims: ClaimFactory,
    limiters: LimitersDep,
    speech: Injected[SpeechService],
    catalog: Injected[Catalog],
    live: Injected[LiveTakes],
) -> Response:
    """Speak as core-tts does, into a file, and copy the audio to the ticket's listeners while it is made."""
    if body.speech.stream:
        raise Invalid("A take is a file: leave `stream` out.", location=("body", "speech", "stream"))
    request, take = speech_request(body.speech), live.claim(caller.profile_id, body.ticket)
    admission = Admission(caller.profile_id, http.receive)
    try:
        prepared = await run_in_threadpool(speech.prepare, caller, request)

        def answer(result: SpeechResult) -> ReplayableResponse:
            content = spoken_body(prepared, result, catalog.services[SERVICE]).model_dump(mode="json")
            return ReplayableResponse(200, {}, content)

        claim = claims(answer)
        cached = await run_in_threadpool(speech.find_cached, prepared, request_id=request_id, claim=claim)
        if cached is not None:
            return json_response(answer(cached))
        prepared = prepared.starting_with(limiters.first_available(prepared.providers))
        held = await run_in_threadpool(speech.hold, prepared, request_id=request_id, claim=claim)
        result = await admission.run_in_turn(
            limiters.for_provider(prepared.providers[0]),
            lambda: speech.speak(held, on_audio=take.add if take is not None else None),
            on_rejected=lambda: speech.release(held),
        )
        return json_response(answer(result))
    finally:
        admission.end()
        if take is not None:
            take.end()
