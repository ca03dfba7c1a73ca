"""Removes markup, which is not spoken: HTML and SSML tags and comments. Decodes entities.

A `<` that does not begin a tag is kept: `x < 5`, `a<b and c>d`, `<3`, `<-`, `<ana@example.org>`.
"""

from __future__ import annotations

import html
import re
from typing import Final

from voxport.text.normalise.wordlist import word_set
from voxport.text.pauses import attach_marks, pause_mark, without_pause_marks

_PARAGRAPH_TAGS: Final = word_set(
    "p div h1 h2 h3 h4 h5 h6 ul ol dl table blockquote pre section article header footer main nav aside "
    "form fieldset figure hr html body head title speak paragraph"
)
"""Tags that begin or end a paragraph."""
_LINE_TAGS: Final = word_set("br li tr dt dd option figcaption caption thead tbody tfoot break legend summary")
"""Tags that begin or end a line. `break` is SSML's pause."""
_CELL_TAGS: Final = frozenset(["td", "th"])
_INLINE_TAGS: Final = word_set(
    "a abbr acronym audio b bdi bdo big button center cite code data del details dfn em emphasis font i "
    "iframe img input ins kbd label lang lexicon link mark meta meter noscript object output param "
    "phoneme picture progress prosody q rb rp rt ruby s samp say-as select small source span strike "
    "strong sub sup svg template textarea time track tt u var video voice w wbr col colgroup desc "
    "metadata path"
)
_UNSPOKEN_MARKUP: Final = re.compile(
    r"<!--.{0,5000}?-->|<(script|style)\b[^<>]{0,500}>.{0,20000}?</\1\s{0,5}>|<!\[CDATA\[|\]\]>"
    r"|<![A-Za-z][^<>]{0,200}>|<\?[A-Za-z][^<>]{0,200}\?>",
    re.DOTALL | re.IGNORECASE,
)
_OPENERS: Final = re.compile(r"<!|<\?|<script|<style|\]\]>", re.IGNORECASE)
_VALUED_ATTRIBUTE: Final = (
    r"\s++[A-Za-z_:@][\w:.@-]{0,60}+\s{0,5}+=\s{0,5}+(?:\"[^\"<>]{0,2000}+\"|'[^'<>]{0,2000}+'|[^\s\"'<>=`]{1,500}+)"
)
_BARE_ATTRIBUTE: Final = (
    r"\s++(?:checked|disabled|selected|hidden|async|defer|controls|autoplay|loop|muted|required|open)(?=[\s/>])"
)
_TAG: Final = re.compile(
    rf"<(/?)([A-Za-z][A-Za-z0-9:-]{{0,30}}+)((?:{_VALUED_ATTRIBUTE}|{_BARE_ATTRIBUTE}){{0,20}}+)\s{{0,20}}+/?>"
)
_ADDRESS: Final = re.compile(r"<((?:mailto:)?[\w.+%-]{1,64}+@[\w.-]{1,200}+|(?:https?|ftp)://[^\s<>]{1,2000}+)>")
"""An address in angle brackets: the brackets are removed, the address is kept."""
_CLOSING: Final = re.compile(r"</([A-Za-z][A-Za-z0-9:-]{0,30}+)\s{0,20}+>")
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def without_markup(text: str) -> str:
    """Removes tags and comments and decodes entities. A paragraph tag becomes an empty line, a line tag (`<br>`,
    `<li>`, `<break/>`) a line break; other tags are removed. `<break time="2s"/>` becomes a line break followed by a
    mark of `pauses`."""
    text = without_pause_marks(text)
    if "<" in text:
        if _OPENERS.search(text):
            text = _without_unspoken_markup(text)
        text = _ADDRESS.sub(r" \1 ", text)
        closed = {name.lower() for name in _CLOSING.findall(text)}
        text = _TAG.sub(lambda match: _replacement(match, closed), text)
    for _ in range(2):  # "&amp;nbsp;" was escaped twice
        if "&" in text:
            text = _ENTITY.sub(lambda match: without_pause_marks(html.unescape(match.group())), text)
    return attach_marks(text)


def _without_unspoken_markup(text: str) -> str:
    """Removes comments, scripts and declarations. Searches the last end of each kind only once, to bound the time
    spent on unclosed ones."""
    ends = {"<!--": "-->", "<script": "</script", "<style": "</style"}
    lower = text.lower()
    last = {opener: lower.rfind(end) for opener, end in ends.items()}
    pieces, position = [], 0
    for match in _OPENERS.finditer(text):
        if match.start() < position:
            continue
        if any(lower.startswith(opener, match.start()) and match.start() > last[opener] for opener in ends):
            continue
        markup = _UNSPOKEN_MARKUP.match(text, match.start())
        if markup is not None:
            pieces.append(text[position : markup.start()])
            position = markup.end()
    return "".join([*pieces, text[position:]])


def _replacement(match: re.Match[str], closed: set[str]) -> str:
    name = match[2].lower()
    if name in _PARAGRAPH_TAGS:
        return "\n\n"
    if name in _LINE_TAGS:
        return f"\n{pause_mark(match[3])}" if name == "break" else "\n"
    if name in _CELL_TAGS:
        return ", " if match[1] and not match.string.startswith(("</tr", "</TR"), match.end()) else ""
    if name in _INLINE_TAGS:
        return "" if match[1] or match[3] or name in closed or name in ("img", "wbr", "input") else match.group()
    # An unknown name is a tag only if it is also closed, unlike "List<String>" or "<your name>".
    return "" if name in closed else match.group()
