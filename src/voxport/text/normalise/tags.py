"""Reads what looks like a tag as text: `<b>` is "less than b greater than"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from voxport.text.normalise.number_words import NumberWords
from voxport.text.normalise.wordlist import word_set

_NAMES: Final = word_set(
    "p div h1 h2 h3 h4 h5 h6 ul ol dl table blockquote pre section article header footer main nav aside "
    "form fieldset figure hr html body head title speak paragraph "
    "br li tr dt dd option figcaption caption thead tbody tfoot break legend summary td th "
    "a abbr acronym audio b bdi bdo big button center cite code data del details dfn em emphasis font i "
    "iframe img input ins kbd label lang lexicon link mark meta meter noscript object output param "
    "phoneme picture progress prosody q rb rp rt ruby s samp say-as select small source span strike "
    "strong sub sup svg template textarea time track tt u var video voice w wbr col colgroup desc "
    "metadata path script style"
)
"""Names of HTML and SSML. Another name is a tag only if it is also closed, unlike "List<String>" or "<your name>"."""
_VALUED_ATTRIBUTE: Final = (
    r"\s++[A-Za-z_:@][\w:.@-]{0,60}+\s{0,5}+=\s{0,5}+(?:\"[^\"<>]{0,2000}+\"|'[^'<>]{0,2000}+'|[^\s\"'<>=`]{1,500}+)"
)
_BARE_ATTRIBUTE: Final = (
    r"\s++(?:checked|disabled|selected|hidden|async|defer|controls|autoplay|loop|muted|required|open)(?=[\s/>])"
)
_TAG: Final = re.compile(
    rf"<(?P<closes>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]{{0,30}}+)"
    rf"(?P<attributes>(?:{_VALUED_ATTRIBUTE}|{_BARE_ATTRIBUTE}){{0,20}}+)\s{{0,20}}+(?P<ends>/?)>"
)
_CLOSING: Final = re.compile(r"</([A-Za-z][A-Za-z0-9:-]{0,30}+)\s{0,20}+>")
_OTHER_MARKUP: Final = re.compile(
    r"<!--|<!\[CDATA\[|<!doctype\b|<\?xml\b|&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE
)


def read(text: str, numbers: NumberWords) -> str:
    if "<" not in text:
        return text
    words = numbers.locale_words
    less, greater, slash = words.symbols["<"], words.symbols[">"], words.address_symbols["/"]
    pieces, position = [], 0
    for tag in _tags(text):
        closes, ends = (f"{slash} " if tag[name] else "" for name in ("closes", "ends"))
        pieces += [text[position : tag.start()], f" {less} {closes}{tag['name']}{tag['attributes']} {ends}{greater} "]
        position = tag.end()
    return "".join([*pieces, text[position:]])


def find_markup(text: str) -> str | None:
    """Return the first thing in a text that looks like markup; None if nothing does."""
    found = [match for match in (next(_tags(text), None), _OTHER_MARKUP.search(text)) if match is not None]
    return min(found, key=lambda match: match.start()).group() if found else None


def _tags(text: str) -> Iterator[re.Match[str]]:
    if "<" not in text:
        return
    closed = {name.lower() for name in _CLOSING.findall(text)}
    for match in _TAG.finditer(text):
        name = match["name"].lower()
        if name in _NAMES or name in closed:
            yield match
