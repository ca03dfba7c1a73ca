"""Keeps pronunciation dictionaries, and finds the rules that a call of speech names."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from voxport.accounts.service import lock_profile
from voxport.clock import now
from voxport.db.session import Database
from voxport.errors import Conflict, Invalid, NotFound
from voxport.ids import new_id
from voxport.pronunciations import repository
from voxport.pronunciations.models import PronunciationDictionary
from voxport.text.ipa import UnknownIpa, check_ipa
from voxport.text.pronunciation import Rule

MAX_DICTIONARIES: Final = 100
MAX_RULES: Final = 2_000
MAX_USED: Final = 5
"""Dictionaries of one call."""

Languages = Callable[[str], str | None]
"""Returns the code of a language as the engine has it, or None."""


@dataclass(frozen=True)
class UsedDictionary:
    """A dictionary that a call uses, with the version of its rules."""

    id: str
    version: int


class Pronunciations:
    def __init__(self, database: Database, languages: Languages, *, clock: Callable[[], datetime] = now) -> None:
        self._database = database
        self._languages = languages
        self._clock = clock

    def create(self, profile_id: str, name: str, language: str, rules: Sequence[Rule]) -> PronunciationDictionary:
        """Raises Invalid, Conflict if there are too many."""
        code = self._checked(language, rules)
        moment = self._clock()
        row = PronunciationDictionary(
            id=new_id("pron"),
            profile_id=profile_id,
            name=name,
            language=code,
            rules=_to_json(rules),
            version=1,
            created_at=moment,
            updated_at=moment,
        )
        with self._database.transaction() as tx:
            lock_profile(tx, profile_id)
            if repository.count(tx, profile_id) >= MAX_DICTIONARIES:
                raise Conflict(
                    f"You have {MAX_DICTIONARIES} dictionaries, and no more are kept. Put the rules into one that you "
                    "have, or delete one.",
                    code="too_many_pronunciations",
                )
            tx.add(row)
        return row

    def replace(
        self, profile_id: str, dictionary_id: str, name: str, language: str, rules: Sequence[Rule]
    ) -> PronunciationDictionary:
        """Replace a dictionary, as its next version. Raises Invalid, NotFound."""
        code = self._checked(language, rules)
        with self._database.transaction() as tx:
            row = repository.owned(tx, profile_id, dictionary_id, for_update=True)
            if row is None:
                raise _not_found(dictionary_id)
            row.name, row.language, row.rules = name, code, _to_json(rules)
            row.version += 1
            row.updated_at = self._clock()
        return row

    def list(self, profile_id: str) -> Sequence[PronunciationDictionary]:
        with self._database.snapshot() as tx:
            return repository.all_owned(tx, profile_id)

    def get(self, profile_id: str, dictionary_id: str) -> PronunciationDictionary:
        """Raises NotFound."""
        with self._database.snapshot() as tx:
            row = repository.owned(tx, profile_id, dictionary_id)
        if row is None:
            raise _not_found(dictionary_id)
        return row

    def delete(self, profile_id: str, dictionary_id: str) -> None:
        """Raises NotFound."""
        with self._database.transaction() as tx:
            row = repository.owned(tx, profile_id, dictionary_id, for_update=True)
            if row is None:
                raise _not_found(dictionary_id)
            tx.delete(row)

    def rules_of(
        self, profile_id: str, ids: Sequence[str], *, skip_missing: bool = False
    ) -> tuple[tuple[Rule, ...], tuple[UsedDictionary, ...]]:
        """Return the rules of dictionaries in their order, and which versions they are of. Raises Invalid if one is not
        there, unless it may be missing."""
        if not ids:
            return (), ()
        with self._database.snapshot() as tx:
            found = repository.some_owned(tx, profile_id, ids)
        for dictionary_id in ids:
            if dictionary_id not in found and not skip_missing:
                raise Invalid(
                    f"There is no dictionary {dictionary_id} of yours. GET /v1/pronunciations lists them.",
                    location=("body", "pronunciations"),
                )
        rows = [found[dictionary_id] for dictionary_id in ids if dictionary_id in found]
        rules = tuple(rule for row in rows for rule in rules_from_json(row.rules))
        return rules, tuple(UsedDictionary(row.id, row.version) for row in rows)

    def erase(self, profile_id: str) -> Sequence[str]:
        with self._database.transaction() as tx:
            repository.remove_all(tx, profile_id)
        return []

    def _checked(self, language: str, rules: Sequence[Rule]) -> str:
        """Return the engine's code of the language. Raises Invalid with the number of the rule."""
        code = self._languages(language)
        if code is None:
            raise Invalid(f"The language {language!r} is not spoken here.", location=("body", "language"))
        for number, rule in enumerate(rules):
            _check_rule(rule, number, code)
        return code


def rules_from_json(rules: Sequence[dict[str, Any]]) -> list[Rule]:
    return [Rule(**rule) for rule in rules]


def _to_json(rules: Sequence[Rule]) -> list[dict[str, Any]]:
    return [asdict(rule) for rule in rules]


def _check_rule(rule: Rule, number: int, language: str) -> None:
    place = ("body", "rules", str(number))
    if not any(unicodedata.category(character)[0] in "LN" for character in rule.match):
        raise Invalid("A rule matches words: it needs a letter or a digit.", location=(*place, "match"))
    if (rule.alias is None) == (rule.ipa is None):
        raise Invalid("A rule has an alias or ipa, one of them.", location=place)
    if rule.alias is not None and not rule.alias.strip():
        raise Invalid("The alias is empty. Leave the rule out to read the words as usual.", location=(*place, "alias"))
    if rule.ipa is not None:
        try:
            check_ipa(rule.ipa, language)
        except UnknownIpa as error:
            raise Invalid(
                f"The rule for {rule.match!r} can't be spoken: {error}.",
                location=(*place, "ipa"),
                details={"symbol": error.symbol, "rule": number},
            ) from None
        except ValueError as error:
            raise Invalid(f"The rule for {rule.match!r}: {error}.", location=(*place, "ipa")) from None


def _not_found(dictionary_id: str) -> NotFound:
    return NotFound(
        f"There is no dictionary {dictionary_id} of yours. GET /v1/pronunciations lists them.",
        code="pronunciations_not_found",
    )
