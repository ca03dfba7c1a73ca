"""Paths, file names, options and identifiers: "/etc/hosts" is "slash E T C slash hosts"."""

from __future__ import annotations

import re
from typing import Final

from voxport.text.normalise.abbreviation_forms import shortened
from voxport.text.normalise.number_words import Speech
from voxport.text.normalise.web import said_address

_SEGMENT: Final = r"[\w@+%=~.-]{1,80}+"
_EXTENSIONS: Final = (
    "txt|md|rst|pdf|docx?|xlsx?|pptx?|odt|ods|csv|tsv|json|jsonl|ya?ml|toml|ini|cfg|conf|env|log|xml|html?|css|scss|"
    "jsx?|tsx?|mjs|py|ipynb|rb|rs|go|java|kt|swift|cpp|cc|hpp|cs|php|pl|sh|bash|zsh|bat|ps1|exe|dll|dylib|apk|dmg|"
    "iso|zip|tar|gz|bz2|xz|7z|rar|jpe?g|png|gif|svg|webp|bmp|tiff?|ico|mp3|mp4|wav|ogg|flac|m4a|aac|mov|avi|mkv|webm|"
    "srt|vtt|ttf|otf|woff2?|sql|sqlite|db|lock|bak|tmp|pem|crt|whl|epub"
)
_BEHIND: Final = r"(?<![\w.:/\\~@<-])"
_PATH: Final = re.compile(
    rf"{_BEHIND}(?<![$€£¥₹₩₽₺₴₫₪฿₱₦¢%°])(?:~|\.{{1,2}})?/(?:{_SEGMENT}/?+){{1,30}}+"  # /etc/hosts, ~/projects, ./run
    r"|(?<![\w\\])(?:[A-Za-z]:\\|\\\\)[^\s\"'<>|*?“”«»]{1,300}"  # C:\Users\me\file.txt, \\server\share
    rf"|{_BEHIND}[\w-]{{1,60}}+(?:\.[\w-]{{1,60}}+){{0,4}}(?:/{_SEGMENT}){{1,30}}+\.?"  # src/app/main.py
)
_FILE: Final = re.compile(
    rf"{_BEHIND}\.?\w[\w-]{{0,80}}(?:\.[\w-]{{1,40}}){{0,4}}\.(?:{_EXTENSIONS})(?![\w@/\\-])(?!\.\w)", re.IGNORECASE
)
_SNAKE: Final = re.compile(r"(?<![\w*/\\@-])([^\W_]+(?:_{1,2}[^\W_]+){1,20})(?![\w*@])")
_CAMEL: Final = re.compile(r"(?<![\w@-])([a-z]{2,30})((?:[A-Z][a-z0-9]{1,30}){1,8}[A-Z]?)(?![\w@])")
_OPTION: Final = re.compile(r"(?<![\w.-])--([A-Za-z][\w-]{1,60})(=?)(?!\w|-)")
_TYPED_DASH: Final = re.compile(r"\w--(?!\w)|\w--\w")
_SLASH: Final = re.compile(r"(?<=[^\W_])/(?=[^\W_])")
_AND_OR: Final = re.compile(r"(?<!\w)(and|y|e|et|und|और)/(or|o|u|ou|oder|या)(?!\w)", re.IGNORECASE)
_EITHER: Final = {
    "en": (r"he/she|she/he|his/hers?|her/his|him/her|her/him|himself/herself|s/he|yes/no|true/false|him/herself", "or"),
    "es": (r"él/ella|ellos/ellas|ella/él|el/la|los/las|un/una|uno/una|sí/no", "o"),
    "fr": (r"il/elle|ils/elles|elle/il|lui/elle|le/la|un/une|celui/celle|ceux/celles|oui/non", "ou"),
    "it": (r"lui/lei|lei/lui|egli/ella|il/la|i/le|gli/le|un/una|sì/no", "o"),
    "pt": (r"ele/ela|eles/elas|ela/ele|dele/dela|o/a|os/as|um/uma|sim/não", "ou"),
}
"""Pairs of which one holds, and the word that one says for the slash."""
_PRONOUNS: Final = re.compile(
    r"(?<![\w/])(?:she/her(?:/hers)?|he/him(?:/his)?|they/them(?:/theirs)?|s?he/they)(?![\w/])", re.IGNORECASE
)
"""How somebody wants to be spoken of: "she her"."""
_TRAILING: Final = ".,;:!?…)]}'’*_\"”»"


def read(text: str, speech: Speech) -> str:
    """Before abbreviations are looked for: "etc" inside a path is none."""
    if "/" in text or "\\" in text:
        text = _PATH.sub(lambda match: _path(match.group(), speech), text)
    if "." in text:
        text = _FILE.sub(lambda match: _said(match.group(), speech), text)
    if "_" in text:
        text = _SNAKE.sub(lambda match: _said(match[1], speech), text)
    if "--" in text and not _TYPED_DASH.search(text):
        text = _OPTION.sub(lambda match: _option(match, speech), text)
    return _CAMEL.sub(lambda match: f"{match[1]}{_apart(match[2])}", text)


def read_slashes(text: str, speech: Speech) -> str:
    """Slashes between words that no other reader has taken: "a/b", but not "and/or"."""
    if "/" not in text:
        return text
    text = _AND_OR.sub(r"\1 \2", text)
    if speech.wording.rules in _EITHER:
        pairs, either = _EITHER[speech.wording.rules]
        text = re.sub(rf"(?<![\w/])(?:{pairs})(?![\w/])", lambda match: _either(match[0], either), text, flags=re.I)
    if speech.wording.rules == "en":
        text = _PRONOUNS.sub(lambda match: match[0].replace("/", " "), text)
        text = re.sub(r"(?<![\w/])(to|from)/(from|to)(?![\w/])", r"\1 and \2", text, flags=re.I)
    return _SLASH.sub(f" {speech.wording.web['/']} ", text)


def _either(pair: str, either: str) -> str:
    first, second = pair.split("/")
    return f"{'she' if first == 's' else first} {either} {second}"


def _path(written: str, speech: Speech) -> str:
    path = written.rstrip(_TRAILING)
    letters = sum(character.isalpha() for character in path)
    if letters < 2 or not _is_path(path):
        return written
    return f"{_said(path, speech)}{written[len(path) :]}"


def _is_path(path: str) -> bool:
    """Of words with slashes between only those with a file's or a program's name: not "he/she"."""
    if path[0] in "/~.\\" or path[1:3] == ":\\":
        return True
    return re.search(rf"_|\.(?:{_EXTENSIONS})$", path) is not None


def _option(match: re.Match[str], speech: Speech) -> str:
    dash, equals = speech.wording.web["-"], speech.wording.web["="]
    return f" {dash} {dash} {match[1].replace('-', ' ')}{f' {equals} ' if match[2] else ''}"


def _apart(humps: str) -> str:
    return re.sub(r"(?<![A-Z])(?=[A-Z])", " ", humps)


def _said(path: str, speech: Speech) -> str:
    """As an address is said; what would be an abbreviation elsewhere, letter by letter."""
    known = shortened(speech.language)
    short = {key.rstrip(".") for key in (*known.anywhere, *known.titles)}
    said = said_address(_CAMEL.sub(lambda match: f"{match[1]}{_apart(match[2])}", path), speech).split(" ")
    return " ".join(" ".join(word.upper()) if word in short else word for word in said)
