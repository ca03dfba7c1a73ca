"""What decides how an English heteronym is said: one rule for each, over the words around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from voxport.text.heteronyms.context import (
    BE,
    DETERMINERS,
    HAVE,
    HELPERS,
    LAST_TIME,
    LINKS,
    OBJECTS,
    PAST,
    PLURALS,
    PREPOSITIONS,
    SINGULARS,
    SUBJECTS,
    Around,
    is_verb,
    third_person,
)
from voxport.text.normalise.wordlist import words_of


def _pair(a: Around, verb: str) -> str | None:
    return verb if is_verb(a) else None


def _third(a: Around, verb: str) -> str | None:
    return verb if third_person(a) else None


def _read(a: Around) -> str | None:
    last = a.last()
    if "+" in a.hyphens:
        return None
    if "-" in a.hyphens:
        return "red"
    if last in HAVE | BE:
        return "red"
    if last in HELPERS or a.is_first or last in PREPOSITIONS | LINKS:
        told = (last in LINKS or a.is_first) and (a.near & PAST or _is_last_time(a)) and last != ""
        return "red" if told and not a.near & HELPERS else None
    if last in SINGULARS or a.is_named:
        return None if {word.lower() for word in a.before[1:]} & HELPERS else "red"
    if last in PLURALS:
        return "red" if a.near & PAST or _is_last_time(a) else None
    if a.last(2) in DETERMINERS and last not in DETERMINERS and not last.endswith("s"):
        if a.last(3) in HELPERS | words_of("hear heard see saw watch watched have had"):
            return None
        return "red" if a.next() in OBJECTS | words_of("out aloud from about through to in") else None
    if last.endswith("s") and (a.near & PAST or _is_last_time(a)):
        return "red"
    return None


def _is_last_time(a: Around) -> bool:
    return "last" in a.near and bool(a.near & LAST_TIME)


_SHOWN_LIVE: Final = words_of(
    "music show shows stream streams streaming broadcast broadcasts concert concerts performance performances audience "
    "audiences album albums event events coverage television tv radio action ammunition ammo bait wire wires animal "
    "animals bird birds chat demo demos video videos update updates feed feeds session sessions recording recordings "
    "band bands report reports game games match matches sports sport data webinar entertainment theater theatre "
    "captions captioning version stock cattle lobster yeast virus viruses vaccine vaccines blog oak cam camera"
)


_GO_LIVE: Final = words_of(
    "go goes going gone went come comes coming came broadcast streamed stream recorded perform performed performing "
    "performs performance watch watched aired air shown sing sang play played playing appear appeared"
)


def _live(a: Around) -> str | None:
    last, following = a.last(), a.next()
    if a.hyphens:
        return "lyve" if following in _SHOWN_LIVE | words_of("in action streamed streaming") else None
    if last in _GO_LIVE or (last in BE and following not in words_of("in with together")):
        return "lyve"
    if last in HELPERS | SUBJECTS:
        return "liv"
    if following in _SHOWN_LIVE or last in DETERMINERS - words_of("that which what one all"):
        return "lyve"
    if a.is_first and following in words_of("from on at"):
        return "lyve"
    if following in words_of("on") and a.next(2) in words_of("air stage tv television radio camera youtube"):
        return "lyve"
    return "liv"


def _lives(a: Around) -> str | None:
    last, following = a.last(), a.next()
    if last in SINGULARS or last in words_of("who that which everyone everybody nobody someone") or a.is_named:
        return "livs"
    if following in words_of("in at with on near here there alone next") and a.last(2) in DETERMINERS:
        return "livs" if last not in DETERMINERS else "lyves"
    return "lyves"


_OF_METAL: Final = words_of(
    "pipe pipes paint paints poisoning acid pencil pencils weight weights battery batteries shot bullet bullets roof "
    "roofs glass ore mine mines mining apron levels exposure contamination crystal solder oxide sheet sheets lining "
    "sinker sinkers ball balls soldier soldiers coffin plumbing smelter"
)
_METALS: Final = words_of("zinc copper tin mercury arsenic cadmium iron silver gold asbestos nickel steel")


def _lead(a: Around) -> str | None:
    last, following = a.last(), a.next()
    if following in _OF_METAL and last not in HELPERS | SUBJECTS:
        return "led"
    if "+" in a.hyphens and following in words_of("free acid lined based"):
        return "led"
    if last in words_of(
        "of containing contain contains molten liquid melted heavy poisonous toxic unleaded pure"
    ) and following not in words_of("singer guitar role actor author the a in to investigator developer"):
        return (
            "led"
            if last != "of"
            or a.last(2)
            in words_of(
                "made traces amounts levels ton tons tonnes pounds kilograms sheet sheets piece pieces lump full layer "
                "bar out pound amount"
            )
            else None
        )
    if last == "as" and a.last(2) == "heavy":
        return "led"
    if (last in LINKS and a.last(2) in _METALS) or (following == "and" and a.next(2) in _METALS):
        return "led"
    if last == "like" and a.near & words_of("heavy weight sank sink"):
        return "led"
    return None


def _wind(a: Around) -> str | None:
    last, following = a.last(), a.next()
    onto = words_of("up down back through around it its the a your my his her our their this that along")
    if last in DETERMINERS | PREPOSITIONS:
        return None
    if last in HELPERS | PLURALS or a.is_first or last in LINKS:
        return (
            "wined" if following in onto and not (a.is_first and following in words_of("through along down")) else None
        )
    return None


def _winds(a: Around) -> str | None:
    ways = words_of("through around along past its up down between into across over")
    if a.last() in DETERMINERS | words_of("strong high cold warm north south east west trade of"):
        return None
    if a.next() in ways and (a.last() in SINGULARS or a.last(2) in DETERMINERS):
        return "wines"
    return None


def _close(a: Around) -> str | None:
    last, following = a.last(), a.next()
    if following == "of" and last in words_of("the at a by until"):
        return "kloze"
    if last in BE | words_of(
        "too so very as how that pretty quite stay stays stand sit keep come came get grew grow remain stayed stood sat"
    ) and last not in words_of("to"):
        return None
    if last in words_of("a an the any my our his her their your no"):
        return "kloze" if not following or following in words_of("was is came and") else None
    if last in HELPERS | PLURALS | words_of("doors eyes shops stores offices"):
        return None if following in words_of("to") and last not in HELPERS else "kloze"
    if a.is_first or last in LINKS:
        return "kloze" if following in OBJECTS | words_of("down out up doors windows") else None
    if last.endswith("s") and following in words_of("at on early for when before after soon down tomorrow today its"):
        return "kloze"
    return None


def _tear(a: Around) -> str | None:
    last, following = a.last(), a.next()
    if last in LINKS and a.last(2) == "wear":
        return "tare"
    if last in DETERMINERS:
        body = words_of("eye eyes cheek cheeks face")
        return "tare" if following == "in" and not a.near & body else None
    if last in HELPERS | PLURALS:
        return "tare"
    if a.is_first or last in LINKS:
        off = words_of("up down off out along here open apart away into")
        return "tare" if following in OBJECTS | off else None
    return None


def _tears(a: Around) -> str | None:
    off = words_of("up down apart off out through open away at into")
    is_done = a.next() in (OBJECTS | off) and (third_person(a) or a.last(2) in DETERMINERS)
    return "tares" if is_done and a.last() not in DETERMINERS | PREPOSITIONS else None


def _bow(a: Around) -> str | None:
    last, following = a.last(), a.next()
    if a.near & words_of("arrow arrows violin cello string strings tie hair ribbon archer fiddle quiver"):
        return None
    if a.near & words_of("ship boat deck stern hull vessel starboard canoe yacht sailed sailor"):
        return "bough"
    if last in HELPERS | PLURALS or following in words_of("down before to out"):
        return "bough"
    if last in words_of("a his her another final deep low polite slight") and {
        word.lower() for word in a.before
    } & words_of("take takes took taking taken made gave with"):
        return "bough"
    return None


def _bows(a: Around) -> str | None:
    return "boughs" if third_person(a) or a.next() in words_of("down before to his her") else None


def _bass(a: Around) -> str | None:
    music = words_of("guitar drum drums music player line singer voice band note notes clef solo track amp treble")
    fish = words_of(
        "fish fishing lake river caught catch trout fisherman fishermen striped largemouth smallmouth sea "
        "grilled fried bait salmon boat pond angler"
    )
    return "basse" if a.near & fish and not a.near & music else None


def _wound(a: Around) -> str | None:
    last, following = a.last(), a.next()
    if last in words_of("the a an this that his her my your their open deep gunshot stab flesh head") | PREPOSITIONS:
        return "woond"
    around = words_of("up around down through round tightly back past along between")
    threads = words_of("clock watch rope string wool yarn bandage thread cable film tape wire scarf hose")
    if following in around or (last in SUBJECTS and a.near & threads):
        return "wownd"
    return "woond"


_SMALL: Final = words_of(
    "detail details amount amounts quantity quantities particle particles trace traces difference differences change "
    "changes fraction fractions organism organisms size proportion proportions hole holes variation variations "
    "insect insects creature creatures grains quantities inspection examination attention"
)


def _minute(a: Around) -> str | None:
    last, following = a.last(), a.next()
    is_counted = last in words_of(
        "one two three four five six seven eight nine ten twenty thirty forty every per last final each"
    )
    if following in _SMALL and not is_counted and "-" not in a.hyphens:
        return "mynewt"
    plain = a.before[0].lower() if a.before else ""
    if plain in words_of("very so extremely absolutely incredibly") or (last in BE and not following):
        return "mynewt"
    return None


def _content(a: Around) -> str | None:
    feels = BE | words_of("feel feels felt seem seems seemed remain remains remained perfectly quite seemingly become")
    before = a.before[0].lower() if a.before else ""
    if (a.last() in feels or before in feels) and (
        not a.next() or a.next() in words_of("with to just in here at and as")
    ):
        return "contente"
    if a.last() in DETERMINERS:
        return "konntent"
    return None


def _use(a: Around) -> str | None:
    if a.next() in words_of("of case cases") or a.last() in DETERMINERS - words_of("that what which"):
        return None
    if a.last() in words_of("used be"):
        return None
    if a.is_first and a.next():
        return "yooz"
    return "yooz" if is_verb(a) else None


def _uses(a: Around) -> str | None:
    if a.last() in DETERMINERS - words_of("that which one") or a.last() in PREPOSITIONS:
        return None
    return "yoozes" if third_person(a) or a.next() in OBJECTS else None


def _house(a: Around) -> str | None:
    return "hows" if a.last() in HELPERS | words_of("we they you i who") and a.next() and "-" not in a.hyphens else None


def _desert(a: Around) -> str | None:
    if a.last() in HELPERS | PLURALS and (a.next() in OBJECTS or not a.next()):
        return "dessert"
    return None


Rule = Callable[[Around], str | None]
"""The spelling by which espeak-ng says the word so, or None where it is left to it."""

_VERBS: Final[Mapping[str, str]] = {
    "record": "rekord", "object": "objekt", "present": "presennt", "perfect": "perfecked", "permit": "permitt",
    "conduct": "conduckt", "rebel": "rebell", "increase": "inkreese", "decrease": "decreece", "contract": "contractt",
    "contest": "contestt", "conflict": "conflikt", "convict": "convikt", "insert": "insertt", "insult": "insullt",
    "protest": "protestt", "suspect": "suspekt", "transfer": "transferr", "transport": "transportt",
    "progress": "progresse", "project": "projectt", "excuse": "excuze", "abuse": "abuze", "separate": "sepparayt",
    "graduate": "graduayt", "estimate": "estimayt", "moderate": "moderayt",
}  # fmt: skip
"""Where espeak-ng says the noun as long as no "to" stands before."""
_THIRDS: Final[Mapping[str, str]] = {
    "records": "rekords", "objects": "objekts", "presents": "prezents", "permits": "permitts",
    "conducts": "conduckts", "conflicts": "conflikts", "rebels": "rebells",
}  # fmt: skip


def _produce(a: Around) -> str | None:
    sold = words_of("fresh local organic farm seasonal garden buy bought sell sells sold")
    is_ware = a.last() in sold | words_of("the some their our") and a.last() not in HELPERS
    return "prodduce" if is_ware and a.next() not in OBJECTS else None


def _refuse(a: Around) -> str | None:
    is_ware = a.last() in words_of("the household garden of domestic kitchen city") or a.next() in words_of(
        "collection collector collectors bin bins dump heap"
    )
    return "reffuce" if is_ware and a.last() not in HELPERS | PLURALS else None


RULES: Final[Mapping[str, Rule]] = {
    **{word: partial(_pair, verb=spelt) for word, spelt in _VERBS.items()},
    **{word: partial(_third, verb=spelt) for word, spelt in _THIRDS.items()},
    "read": _read, "live": _live, "lives": _lives, "lead": _lead, "wind": _wind, "winds": _winds, "close": _close,
    "tear": _tear, "tears": _tears, "bow": _bow, "bows": _bows, "bass": _bass, "wound": _wound, "minute": _minute,
    "content": _content, "use": _use, "uses": _uses, "house": _house, "desert": _desert, "produce": _produce,
    "refuse": _refuse,
}  # fmt: skip
"""By the word in small letters."""
