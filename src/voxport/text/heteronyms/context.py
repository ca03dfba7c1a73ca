"""What stands around an English word, and what it tells of it: whether a verb or a noun can stand there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from voxport.text.normalise.wordlist import words_of


@dataclass(frozen=True)
class Around:
    """A word, the words `before` it (nearest first) and `after` it in its clause, all that are `near` in small
    letters, and whether a hyphen joins it to the left ("-") or to the right ("+")."""

    word: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    near: frozenset[str]
    hyphens: str

    def last(self, back: int = 1) -> str:
        """The word that stands `back` words before, in small letters; adverbs are passed over."""
        words = [word.lower() for word in self.before if word.lower() not in _ADVERBS]
        return words[back - 1] if len(words) >= back else ""

    def next(self, on: int = 1) -> str:
        return self.after[on - 1].lower() if len(self.after) >= on else ""

    @property
    def is_first(self) -> bool:
        return not self.before

    @property
    def is_named(self) -> bool:
        """Whether a name stands before: a word with a capital that does not begin its clause, or begins it and is no
        function word."""
        if not self.before or not self.before[0][0].isupper() or self.before[0] == "I":
            return False
        word = self.before[0].lower()
        return word not in DETERMINERS | SUBJECTS | HELPERS | LINKS | _ADVERBS | PREPOSITIONS


_ADVERBS: Final = words_of(
    "always never often already also just still really quickly slowly usually sometimes ever even only soon simply "
    "probably certainly clearly carefully finally actually rarely seldom once both all well not now then currently "
    "immediately usually easily fully barely hardly almost nearly gently suddenly"
)
DETERMINERS: Final = words_of(
    "the a an this that these those my your his her its our their no every each some any another one two three four "
    "five six seven eight nine ten many several few such what which whose new old good great"
)
OBJECTS: Final = words_of(
    "the a an this that these those my your his her its our their it me him us them you all every each some any both "
    "everything everyone nothing something himself herself themselves yourself myself"
)
SUBJECTS: Final = words_of("i you we they he she it who")
PLURALS: Final = words_of("i you we they who people children men women")
SINGULARS: Final = words_of("he she it")
HELPERS: Final = words_of(
    "will would can could shall should may might must to do does did don't doesn't didn't won't wouldn't can't cannot "
    "couldn't shouldn't mustn't let's please i'll you'll we'll they'll he'll she'll it'll i'd you'd we'd they'd he'd "
    "she'd gonna wanna help helps helped let lets make makes made"
)
BE: Final = words_of(
    "is are was were be been being am isn't aren't wasn't weren't it's that's he's she's i'm we're "
    "they're you're get gets got gotten"
)
HAVE: Final = words_of("have has had having i've you've we've they've haven't hasn't hadn't")
LINKS: Final = words_of("and or but then so")
PREPOSITIONS: Final = words_of("of in on at by for with from about into under over between without during after")
PAST: Final = words_of(
    "yesterday ago earlier previously formerly nineteen eighteen was were had did went said came "
    "told thought knew saw took gave found left felt wrote began stood sat laughed cried asked "
    "looked walked wanted loved liked learned heard"
)
LAST_TIME: Final = words_of(
    "night week month year monday tuesday wednesday thursday friday saturday sunday summer "
    "winter spring autumn fall time"
)


def is_verb(a: Around) -> bool:
    """Whether the word is surely a verb in its plain form: "to X", "they X", "X the", "scientists X the"."""
    last, following = a.last(), a.next()
    if last in DETERMINERS and last not in SUBJECTS:
        return False
    if last in HELPERS or last in PLURALS:
        return True
    if last in OBJECTS and a.last(2) in words_of("let lets help helps helped make makes made"):
        return True
    if a.is_first or last in LINKS:
        return following in OBJECTS
    is_plural = last.endswith("s") and not last.endswith(("ss", "'s", "us")) and last not in BE | HAVE
    return is_plural and following in OBJECTS and last not in words_of("its his this as was is")


def third_person(a: Around) -> bool:
    """Whether a word with an -s is surely a verb: "she X", "Ana X the"."""
    return a.last() in SINGULARS | words_of("who which") or (a.is_named and a.next() in OBJECTS)
