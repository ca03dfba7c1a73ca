"""Queries what an account at ElevenLabs may do, and lists its voices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from voxport.providers.base import StockVoice
from voxport.providers.cached_status import ProbeFailed
from voxport.providers.elevenlabs import errors
from voxport.providers.ids import is_cursor, is_id, language_code, plain_text
from voxport.providers.upstream import RequestNotSent, ResponseLost, Upstream, UpstreamResponse

_PAGE_SIZE: Final = "100"
_MAX_PAGES: Final = 500
_LANGUAGES: Final = ("en", "de", "fr", "es", "it", "pt", "pl", "hi", "ja", "zh", "ko", "ar")
"""The languages of eleven_multilingual_v2, for a key that may not read the models."""
_MAX_TEXT_LENGTH: Final = 5_000  # characters, for such a key; the lowest limit of all models


@dataclass(frozen=True)
class AccountFacts:
    can_clone: bool = True
    languages: tuple[str, ...] = _LANGUAGES
    max_text_length: int = _MAX_TEXT_LENGTH
    stock: tuple[StockVoice, ...] = ()


class UnexpectedResponse(Exception):
    """A response that is an error or has an unexpected shape."""

    def __init__(self, answer: UpstreamResponse) -> None:
        super().__init__(answer.status)
        self.answer = answer


def fetch_facts(upstream: Upstream, model: str) -> AccountFacts:
    """Query the account. Defaults stand for what its key may not read. Raises ProbeFailed."""
    try:
        listed = list_account_voices(upstream, voice_type="default")
        stock = tuple(_stock_voice(voice) for voice in listed if _is_stock(voice) and is_id(voice["voice_id"]))
        plan, found = _get_json(upstream, "/v1/user/subscription"), _model(upstream, model)
    except UnexpectedResponse as error:
        raise _probe_failure(error.answer) from None
    except (RequestNotSent, ResponseLost):
        raise ProbeFailed("it does not answer", is_final=False) from None
    named = found.get("languages")
    languages = [
        code
        for one in (named if isinstance(named, list) else [])
        if isinstance(one, dict) and (code := language_code(one.get("language_id"), default=""))
    ]
    longest = found.get("maximum_text_length_per_request")
    return AccountFacts(
        can_clone=not (isinstance(plan, dict) and plan.get("can_use_instant_voice_cloning") is False),
        languages=tuple(dict.fromkeys(languages)) or _LANGUAGES,
        max_text_length=longest if isinstance(longest, int) and longest > 0 else _MAX_TEXT_LENGTH,
        stock=stock,
    )


def list_account_voices(upstream: Upstream, **query: str) -> Iterator[dict[str, Any]]:
    """Yield the voices of the account as JSON, page by page. Raises UnexpectedResponse, RequestNotSent,
    ResponseLost."""
    token: str | None = None
    for _ in range(_MAX_PAGES):
        paging = {
            "page_size": _PAGE_SIZE,
            "include_total_count": "false",
            **({"next_page_token": token} if token else {}),
        }
        answer = upstream.send_with_retries("GET", "/v2/voices", params=query | paging)
        body = answer.json()
        if answer.status != 200 or not isinstance(body, dict) or not isinstance(body.get("voices"), list):
            raise UnexpectedResponse(answer)
        yield from (one for one in body["voices"] if isinstance(one, dict) and isinstance(one.get("voice_id"), str))
        before, token = token, body.get("next_page_token")
        if not body.get("has_more") or not is_cursor(token) or token == before:
            return


def is_own(voice: dict[str, Any]) -> bool:
    """Whether the voice was created in the account."""
    return voice.get("category") != "premade"


def needs_verification(voice: dict[str, Any]) -> bool:
    state = voice.get("voice_verification")
    return (
        isinstance(state, dict) and state.get("requires_verification") is True and state.get("is_verified") is not True
    )


def _is_stock(voice: dict[str, Any]) -> bool:
    """Whether the voice is public. The account's own voices belong to the operator or customers and are not listed."""
    return voice.get("category") == "premade"


def _stock_voice(voice: dict[str, Any]) -> StockVoice:
    given = voice.get("labels")
    labels: dict[str, Any] = given if isinstance(given, dict) else {}
    gender = labels.get("gender")
    return StockVoice(
        voice["voice_id"],
        plain_text(voice.get("name") or "", default=voice["voice_id"]),
        language_code(labels.get("language"), default="en"),
        gender if gender in ("female", "male", "neutral") else None,
    )


def _model(upstream: Upstream, model: str) -> dict[str, Any]:
    models = _get_json(upstream, "/v1/models")
    for one in models if isinstance(models, list) else ():
        if isinstance(one, dict) and one.get("model_id") == model:
            return one
    return {}


def _get_json(upstream: Upstream, path: str) -> Any:
    """Return the parsed body; None if the key may not read it."""
    answer = upstream.send_with_retries("GET", path)
    return answer.json() if answer.status == 200 else None


def _probe_failure(answer: UpstreamResponse) -> ProbeFailed:
    if answer.status in (401, 403) and "missing_permissions" in errors.reasons(answer):
        return ProbeFailed("its key may not read voices: give it the permission voices_read", is_final=True)
    if answer.status in (401, 403):
        return ProbeFailed("it refuses the key that is set", is_final=True)
    return ProbeFailed("it does not answer as it should", is_final=False)
