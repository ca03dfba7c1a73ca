"""Rules that decide how an English heteronym is said by the words around it, one per word."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from voxport.text.heteronyms.context import (
    AUXILIARIES,
    BE,
    CONJUNCTIONS,
    DETERMINERS,
    HAVE,
    OBJECT_OPENERS,
    PAST_CUES,
    PLURAL_SUBJECTS,
    PREPOSITIONS,
    SINGULAR_SUBJECTS,
    SUBJECT_PRONOUNS,
    TIME_NOUNS,
    WordContext,
    is_base_verb,
    is_third_person_verb,
)
from voxport.text.normalise.wordlist import word_set


def _base_verb_rule(context: WordContext, verb: str) -> str | None:
    return verb if is_base_verb(context) else None


def _third_person_rule(context: WordContext, verb: str) -> str | None:
    return verb if is_third_person_verb(context) else None


def _read(context: WordContext) -> str | None:
    previous = context.previous()
    if "+" in context.hyphens:
        return None
    if "-" in context.hyphens:
        return "red"
    if previous in HAVE | BE:
        return "red"
    if previous in AUXILIARIES or context.is_first or previous in PREPOSITIONS | CONJUNCTIONS:
        is_past_cue = (
            (previous in CONJUNCTIONS or context.is_first)
            and (context.near & PAST_CUES or _is_last_time(context))
            and previous != ""
        )
        return "red" if is_past_cue and not context.near & AUXILIARIES else None
    if previous in SINGULAR_SUBJECTS or context.follows_name:
        return None if {word.lower() for word in context.before[1:]} & AUXILIARIES else "red"
    if previous in PLURAL_SUBJECTS:
        return "red" if context.near & PAST_CUES or _is_last_time(context) else None
    if context.previous(2) in DETERMINERS and previous not in DETERMINERS and not previous.endswith("s"):
        if context.previous(3) in AUXILIARIES | word_set("hear heard see saw watch watched have had"):
            return None
        return "red" if context.following() in OBJECT_OPENERS | word_set("out aloud from about through to in") else None
    if previous.endswith("s") and (context.near & PAST_CUES or _is_last_time(context)):
        return "red"
    return None


def _is_last_time(context: WordContext) -> bool:
    return "last" in context.near and bool(context.near & TIME_NOUNS)


_LIVE_NOUNS: Final = word_set(
    "music show shows stream streams streaming broadcast broadcasts concert concerts performance performances audience "
    "audiences album albums event events coverage television tv radio action ammunition ammo bait wire wires animal "
    "animals bird birds chat demo demos video videos update updates feed feeds session sessions recording recordings "
    "band bands report reports game games match matches sports sport data webinar entertainment theater theatre "
    "captions captioning version stock cattle lobster yeast virus viruses vaccine vaccines blog oak cam camera"
)


_LIVE_VERBS: Final = word_set(
    "go goes going gone went come comes coming came broadcast streamed stream recorded perform performed performing "
    "performs performance watch watched aired air shown sing sang play played playing appear appeared"
)


def _live(context: WordContext) -> str | None:
    previous, following = context.previous(), context.following()
    if context.hyphens:
        return "lyve" if following in _LIVE_NOUNS | word_set("in action streamed streaming") else None
    if previous in _LIVE_VERBS or (previous in BE and following not in word_set("in with together")):
        return "lyve"
    if previous in AUXILIARIES | SUBJECT_PRONOUNS:
        return "liv"
    if following in _LIVE_NOUNS or previous in DETERMINERS - word_set("that which what one all"):
        return "lyve"
    if context.is_first and following in word_set("from on at"):
        return "lyve"
    if following in word_set("on") and context.following(2) in word_set("air stage tv television radio camera youtube"):
        return "lyve"
    return "liv"


def _lives(context: WordContext) -> str | None:
    previous, following = context.previous(), context.following()
    if (
        previous in SINGULAR_SUBJECTS
        or previous in word_set("who that which everyone everybody nobody someone")
        or context.follows_name
    ):
        return "livs"
    if following in word_set("in at with on near here there alone next") and context.previous(2) in DETERMINERS:
        return "livs" if previous not in DETERMINERS else "lyves"
    return "lyves"


_LEAD_NOUNS: Final = word_set(
    "pipe pipes paint paints poisoning acid pencil pencils weight weights battery batteries shot bullet bullets roof "
    "roofs glass ore mine mines mining apron levels exposure contamination crystal solder oxide sheet sheets lining "
    "sinker sinkers ball balls soldier soldiers coffin plumbing smelter"
)
_METALS: Final = word_set("zinc copper tin mercury arsenic cadmium iron silver gold asbestos nickel steel")


def _lead(context: WordContext) -> str | None:
    previous, following = context.previous(), context.following()
    if following in _LEAD_NOUNS and previous not in AUXILIARIES | SUBJECT_PRONOUNS:
        return "led"
    if "+" in context.hyphens and following in word_set("free acid lined based"):
        return "led"
    if previous in word_set(
        "of containing contain contains molten liquid melted heavy poisonous toxic unleaded pure"
    ) and following not in word_set("singer guitar role actor author the a in to investigator developer"):
        return (
            "led"
            if previous != "of"
            or context.previous(2)
            in word_set(
                "made traces amounts levels ton tons tonnes pounds kilograms sheet sheets piece pieces lump full layer "
                "bar out pound amount"
            )
            else None
        )
    if previous == "as" and context.previous(2) == "heavy":
        return "led"
    if (previous in CONJUNCTIONS and context.previous(2) in _METALS) or (
        following == "and" and context.following(2) in _METALS
    ):
        return "led"
    if previous == "like" and context.near & word_set("heavy weight sank sink"):
        return "led"
    return None


def _wind(context: WordContext) -> str | None:
    previous, following = context.previous(), context.following()
    directions = word_set("up down back through around it its the a your my his her our their this that along")
    if previous in DETERMINERS | PREPOSITIONS:
        return None
    if previous in AUXILIARIES | PLURAL_SUBJECTS or context.is_first or previous in CONJUNCTIONS:
        return (
            "wined"
            if following in directions and not (context.is_first and following in word_set("through along down"))
            else None
        )
    return None


def _winds(context: WordContext) -> str | None:
    directions = word_set("through around along past its up down between into across over")
    if context.previous() in DETERMINERS | word_set("strong high cold warm north south east west trade of"):
        return None
    if context.following() in directions and (
        context.previous() in SINGULAR_SUBJECTS or context.previous(2) in DETERMINERS
    ):
        return "wines"
    return None


def _close(context: WordContext) -> str | None:
    previous, following = context.previous(), context.following()
    if following == "of" and previous in word_set("the at a by until"):
        return "kloze"
    if previous in BE | word_set(
        "too so very as how that pretty quite stay stays stand sit keep come came get grew grow remain stayed stood sat"
    ) and previous not in word_set("to"):
        return None
    if previous in word_set("a an the any my our his her their your no"):
        return "kloze" if not following or following in word_set("was is came and") else None
    if previous in AUXILIARIES | PLURAL_SUBJECTS | word_set("doors eyes shops stores offices"):
        return None if following in word_set("to") and previous not in AUXILIARIES else "kloze"
    if context.is_first or previous in CONJUNCTIONS:
        return "kloze" if following in OBJECT_OPENERS | word_set("down out up doors windows") else None
    if previous.endswith("s") and following in word_set(
        "at on early for when before after soon down tomorrow today its"
    ):
        return "kloze"
    return None


def _tear(context: WordContext) -> str | None:
    previous, following = context.previous(), context.following()
    if previous in CONJUNCTIONS and context.previous(2) == "wear":
        return "tare"
    if previous in DETERMINERS:
        body = word_set("eye eyes cheek cheeks face")
        return "tare" if following == "in" and not context.near & body else None
    if previous in AUXILIARIES | PLURAL_SUBJECTS:
        return "tare"
    if context.is_first or previous in CONJUNCTIONS:
        off = word_set("up down off out along here open apart away into")
        return "tare" if following in OBJECT_OPENERS | off else None
    return None


def _tears(context: WordContext) -> str | None:
    off = word_set("up down apart off out through open away at into")
    is_base_verb_use = context.following() in (OBJECT_OPENERS | off) and (
        is_third_person_verb(context) or context.previous(2) in DETERMINERS
    )
    return "tares" if is_base_verb_use and context.previous() not in DETERMINERS | PREPOSITIONS else None


def _bow(context: WordContext) -> str | None:
    previous, following = context.previous(), context.following()
    if context.near & word_set("arrow arrows violin cello string strings tie hair ribbon archer fiddle quiver"):
        return None
    if context.near & word_set("ship boat deck stern hull vessel starboard canoe yacht sailed sailor"):
        return "bough"
    if previous in AUXILIARIES | PLURAL_SUBJECTS or following in word_set("down before to out"):
        return "bough"
    if previous in word_set("a his her another final deep low polite slight") and {
        word.lower() for word in context.before
    } & word_set("take takes took taking taken made gave with"):
        return "bough"
    return None


def _bows(context: WordContext) -> str | None:
    return (
        "boughs" if is_third_person_verb(context) or context.following() in word_set("down before to his her") else None
    )


def _bass(context: WordContext) -> str | None:
    music = word_set("guitar drum drums music player line singer voice band note notes clef solo track amp treble")
    fish = word_set(
        "fish fishing lake river caught catch trout fisherman fishermen striped largemouth smallmouth sea "
        "grilled fried bait salmon boat pond angler"
    )
    return "basse" if context.near & fish and not context.near & music else None


def _wound(context: WordContext) -> str | None:
    previous, following = context.previous(), context.following()
    if (
        previous
        in word_set("the a an this that his her my your their open deep gunshot stab flesh head") | PREPOSITIONS
    ):
        return "woond"
    around = word_set("up around down through round tightly back past along between")
    threads = word_set("clock watch rope string wool yarn bandage thread cable film tape wire scarf hose")
    if following in around or (previous in SUBJECT_PRONOUNS and context.near & threads):
        return "wownd"
    return "woond"


_SMALL: Final = word_set(
    "detail details amount amounts quantity quantities particle particles trace traces difference differences change "
    "changes fraction fractions organism organisms size proportion proportions hole holes variation variations "
    "insect insects creature creatures grains quantities inspection examination attention"
)


def _minute(context: WordContext) -> str | None:
    previous, following = context.previous(), context.following()
    is_counted = previous in word_set(
        "one two three four five six seven eight nine ten twenty thirty forty every per last final each"
    )
    if following in _SMALL and not is_counted and "-" not in context.hyphens:
        return "mynewt"
    plain = context.before[0].lower() if context.before else ""
    if plain in word_set("very so extremely absolutely incredibly") or (previous in BE and not following):
        return "mynewt"
    return None


def _content(context: WordContext) -> str | None:
    feels = BE | word_set("feel feels felt seem seems seemed remain remains remained perfectly quite seemingly become")
    before = context.before[0].lower() if context.before else ""
    if (context.previous() in feels or before in feels) and (
        not context.following() or context.following() in word_set("with to just in here at and as")
    ):
        return "contente"
    if context.previous() in DETERMINERS:
        return "konntent"
    return None


def _use(context: WordContext) -> str | None:
    if context.following() in word_set("of case cases") or context.previous() in DETERMINERS - word_set(
        "that what which"
    ):
        return None
    if context.previous() in word_set("used be"):
        return None
    if context.is_first and context.following():
        return "yooz"
    return "yooz" if is_base_verb(context) else None


def _uses(context: WordContext) -> str | None:
    if context.previous() in DETERMINERS - word_set("that which one") or context.previous() in PREPOSITIONS:
        return None
    return "yoozes" if is_third_person_verb(context) or context.following() in OBJECT_OPENERS else None


def _house(context: WordContext) -> str | None:
    return (
        "hows"
        if context.previous() in AUXILIARIES | word_set("we they you i who")
        and context.following()
        and "-" not in context.hyphens
        else None
    )


def _desert(context: WordContext) -> str | None:
    if context.previous() in AUXILIARIES | PLURAL_SUBJECTS and (
        context.following() in OBJECT_OPENERS or not context.following()
    ):
        return "dessert"
    return None


Rule = Callable[[WordContext], str | None]
"""Returns the spelling that makes espeak-ng say the word right, or None to leave the word to espeak-ng."""

_VERBS: Final[Mapping[str, str]] = {
    "record": "rekord", "object": "objekt", "present": "presennt", "perfect": "perfecked", "permit": "permitt",
    "conduct": "conduckt", "rebel": "rebell", "increase": "inkreese", "decrease": "decreece", "contract": "contractt",
    "contest": "contestt", "conflict": "conflikt", "convict": "convikt", "insert": "insertt", "insult": "insullt",
    "protest": "protestt", "suspect": "suspekt", "transfer": "transferr", "transport": "transportt",
    "progress": "progresse", "project": "projectt", "excuse": "excuze", "abuse": "abuze", "separate": "sepparayt",
    "graduate": "graduayt", "estimate": "estimayt", "moderate": "moderayt",
}  # fmt: skip
"""Words that espeak-ng says as nouns unless "to" precedes."""
_THIRD_PERSON_VERBS: Final[Mapping[str, str]] = {
    "records": "rekords", "objects": "objekts", "presents": "prezents", "permits": "permitts",
    "conducts": "conduckts", "conflicts": "conflikts", "rebels": "rebells",
}  # fmt: skip


def _produce(context: WordContext) -> str | None:
    sold = word_set("fresh local organic farm seasonal garden buy bought sell sells sold")
    is_goods = context.previous() in sold | word_set("the some their our") and context.previous() not in AUXILIARIES
    return "prodduce" if is_goods and context.following() not in OBJECT_OPENERS else None


def _refuse(context: WordContext) -> str | None:
    is_goods = context.previous() in word_set(
        "the household garden of domestic kitchen city"
    ) or context.following() in word_set("collection collector collectors bin bins dump heap")
    return "reffuce" if is_goods and context.previous() not in AUXILIARIES | PLURAL_SUBJECTS else None


RULES: Final[Mapping[str, Rule]] = {
    **{word: partial(_base_verb_rule, verb=spelt) for word, spelt in _VERBS.items()},
    **{word: partial(_third_person_rule, verb=spelt) for word, spelt in _THIRD_PERSON_VERBS.items()},
    "read": _read, "live": _live, "lives": _lives, "lead": _lead, "wind": _wind, "winds": _winds, "close": _close,
    "tear": _tear, "tears": _tears, "bow": _bow, "bows": _bows, "bass": _bass, "wound": _wound, "minute": _minute,
    "content": _content, "use": _use, "uses": _uses, "house": _house, "desert": _desert, "produce": _produce,
    "refuse": _refuse,
}  # fmt: skip
"""Keyed by the word in lower case."""
