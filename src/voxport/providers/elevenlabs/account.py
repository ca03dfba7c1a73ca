"""What an account at ElevenLabs may do, as it says itself: asked now and then, kept in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from voxport.providers.base import StockVoice
from voxport.providers.elevenlabs import errors
from voxport.providers.upstream import Answer, AnswerLost, NotSent, Upstream

_KEPT_SECONDS: Final = 300.0
_TRIED_AGAIN_SECONDS: Final = 15.0
_PAGE: Final = 100
_LANGUAGES: Final = ("en", "de", "fr", "es", "it", "pt", "pl", "hi", "ja", "zh", "ko", "ar")
"""Of eleven_multilingual_v2, where the account's key may not read the models."""
_LONGEST: Final = 5_000  # characters, likewise; the least of all models


@dataclass(frozen=True)
class Facts:
    """`problem`: why the account can't be used, None where it can. None of what the key may not read is a problem."""

    can_clone: bool = True
    languages: tuple[str, ...] = _LANGUAGES
    longest_text: int = _LONGEST
    stock: tuple[StockVoice, ...] = ()
    problem: str | None = None


class Account:
    def __init__(self, upstream: Upstream, model: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._upstream = upstream
        self._model = model
        self._clock = clock
        self._facts: Facts | None = None
        self._good_until = 0.0
        self._guard = threading.Lock()

    def facts(self) -> Facts:
        """What is known; asked for again after five minutes, by one thread, while the others take what is old."""
        known = self._facts
        if self._clock() < self._good_until and known is not None:
            return known
        if known is not None and self._guard.locked():
            return known
        with self._guard:
            if self._facts is None or self._clock() >= self._good_until:
                self._facts = self._asked()
                kept = _KEPT_SECONDS if self._facts.problem is None else _TRIED_AGAIN_SECONDS
                self._good_until = self._clock() + kept
            return self._facts

    def forget(self) -> None:
        """Something showed that the facts are old."""
        self._good_until = 0.0

    def _asked(self) -> Facts:
        try:
            stock = self._stock()
            if isinstance(stock, str):
                return Facts(problem=stock)
            plan, model = self._question("/v1/user/subscription"), self._found_model()
        except (NotSent, AnswerLost):
            return Facts(problem="it does not answer")
        languages = tuple(_ids(model.get("languages"), "language_id")) if model else ()
        longest = model.get("maximum_text_length_per_request") if model else None
        return Facts(
            can_clone=plan.get("can_use_instant_voice_cloning") is not False if isinstance(plan, dict) else True,
            languages=languages or _LANGUAGES,
            longest_text=longest if isinstance(longest, int) and longest > 0 else _LONGEST,
            stock=stock,
        )

    def _stock(self) -> tuple[StockVoice, ...] | str:
        """The voices of everybody; or why the account can't be used. The account's own voices are not shown: they
        are the operator's, or other customers'."""
        found: dict[str, StockVoice] = {}
        token: str | None = None
        while True:
            query = {"page_size": str(_PAGE), "voice_type": "default", "include_total_count": "false"}
            answer = self._upstream.ask_again(
                "GET", "/v2/voices", params=query | ({"next_page_token": token} if token else {})
            )
            body = answer.json()
            if answer.status != 200 or not isinstance(body, dict):
                return _problem(answer)
            for voice in body.get("voices") or ():
                if isinstance(voice, dict) and voice.get("category") == "premade" and voice.get("voice_id"):
                    labels = voice.get("labels") or {}
                    voice_id = str(voice["voice_id"])
                    found[voice_id] = StockVoice(
                        voice_id,
                        str(voice.get("name") or voice_id),
                        labels.get("language") or "en",
                        labels.get("gender"),
                    )
            token = body.get("next_page_token")
            if not body.get("has_more") or not token:
                return tuple(found.values())

    def _found_model(self) -> dict[str, Any] | None:
        models = self._question("/v1/models")
        for model in models if isinstance(models, list) else ():
            if isinstance(model, dict) and model.get("model_id") == self._model:
                return model
        return None

    def _question(self, path: str) -> Any:
        """None where the key may not ask it."""
        answer = self._upstream.ask_again("GET", path)
        return answer.json() if answer.status == 200 else None


def _problem(answer: Answer) -> str:
    if answer.status in (401, 403) and "missing_permissions" in errors.reason(answer):
        return "its key may not read voices: give it the permission voices_read"
    if answer.status in (401, 403):
        return "it refuses the key that is set"
    return "it does not answer as it should"


def _ids(rows: Any, name: str) -> list[str]:
    return [str(row[name]) for row in rows or () if isinstance(row, dict) and row.get(name)]
