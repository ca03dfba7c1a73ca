"""The context of an English word, and whether a verb or a noun can stand there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from voxport.text.normalise.wordlist import word_set


@dataclass(frozen=True)
class WordContext:
    """A word and its context.

    `before` (nearest first) and `after` hold the words of its clause, `near` all words around it in lower case.
    `hyphens` contains "-" if a hyphen joins the word to the left, and "+" if to the right.
    """

    word: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    near: frozenset[str]
    hyphens: str

    def previous(self, back: int = 1) -> str:
        """Return the word `back` words before in lower case, not counting adverbs, or an empty string."""
        words = [word.lower() for word in self.before if word.lower() not in _ADVERBS]
        return words[back - 1] if len(words) >= back else ""

    def following(self, on: int = 1) -> str:
        return self.after[on - 1].lower() if len(self.after) >= on else ""

    @property
    def is_first(self) -> bool:
        return not self.before

    @property
    def follows_name(self) -> bool:
        """Whether a name precedes: a capitalised word other than "I" and the function words."""
        if not self.before or not self.before[0][0].isupper() or self.before[0] == "I":
            return False
        word = self.before[0].lower()
        return word not in DETERMINERS | SUBJECT_PRONOUNS | AUXILIARIES | CONJUNCTIONS | _ADVERBS | PREPOSITIONS


_ADVERBS: Final = word_set(
    "always never often already also just still really quickly slowly usually sometimes ever even only soon simply "
    "probably certainly clearly carefully finally actually rarely seldom once both all well not now then currently "
    "immediately usually easily fully barely hardly almost nearly gently suddenly"
)
DETERMINERS: Final = word_set(
    "the a an this that these those my your his her its our their no every each some any another one two three four "
    "five six seven eight nine ten many several few such what which whose new old good great"
)
OBJECT_OPENERS: Final = word_set(
    "the a an this that these those my your his her its our their it me him us them you all every each some any both "
    "everything everyone nothing something himself herself themselves yourself myself"
)
SUBJECT_PRONOUNS: Final = word_set("i you we they he she it who")
PLURAL_SUBJECTS: Final = word_set("i you we they who people children men women")
SINGULAR_SUBJECTS: Final = word_set("he she it")
AUXILIARIES: Final = word_set(
    "will would can could shall should may might must to do does did don't doesn't didn't won't wouldn't can't cannot "
    "couldn't shouldn't mustn't let's please i'll you'll we'll they'll he'll she'll it'll i'd you'd we'd they'd he'd "
    "she'd gonna wanna help helps helped let lets make makes made"
)
BE: Final = word_set(
    "is are was were be been being am isn't aren't wasn't weren't it's that's he's she's i'm we're "
    "they're you're get gets got gotten"
)
HAVE: Final = word_set("have has had having i've you've we've they've haven't hasn't hadn't")
CONJUNCTIONS: Final = word_set("and or but then so")
PREPOSITIONS: Final = word_set("of in on at by for with from about into under over between without during after")
PAST_CUES: Final = word_set(
    "yesterday ago earlier previously formerly nineteen eighteen was were had did went said came "
    "told thought knew saw took gave found left felt wrote began stood sat laughed cried asked "
    "looked walked wanted loved liked learned heard"
)
TIME_NOUNS: Final = word_set(
    "night week month year monday tuesday wednesday thursday friday saturday sunday summer "
    "winter spring autumn fall time"
)


def is_base_verb(context: WordContext) -> bool:
    """Return whether the word is certainly a verb in its base form: "to X", "they X", "X the", "scientists X the"."""
    previous, following = context.previous(), context.following()
    if previous in DETERMINERS and previous not in SUBJECT_PRONOUNS:
        return False
    if previous in AUXILIARIES or previous in PLURAL_SUBJECTS:
        return True
    if previous in OBJECT_OPENERS and context.previous(2) in word_set("let lets help helps helped make makes made"):
        return True
    if context.is_first or previous in CONJUNCTIONS:
        return following in OBJECT_OPENERS
    is_plural = previous.endswith("s") and not previous.endswith(("ss", "'s", "us")) and previous not in BE | HAVE
    return is_plural and following in OBJECT_OPENERS and previous not in word_set("its his this as was is")


def is_third_person_verb(context: WordContext) -> bool:
    """Return whether a word with an -s is certainly a verb: "she X", "Ana X the"."""
    return context.previous() in SINGULAR_SUBJECTS | word_set("who which") or (
        context.follows_name and context.following() in OBJECT_OPENERS
    )
