"""Reads paths, file names, options and identifiers: "/etc/hosts" is "slash E T C slash hosts"."""

from __future__ import annotations

import re
from typing import Final

from voxport.text.normalise.abbreviation_forms import abbreviations_of
from voxport.text.normalise.number_words import NumberWords
from voxport.text.normalise.web import address_words

_SEGMENT: Final = r"[\w@+%=~.-]{1,80}+"
_EXTENSIONS: Final = (
    "txt|md|rst|pdf|docx?|xlsx?|pptx?|odt|ods|csv|tsv|json|jsonl|ya?ml|toml|ini|cfg|conf|env|log|xml|html?|css|scss|"
    "jsx?|tsx?|mjs|py|ipynb|rb|rs|go|java|kt|swift|cpp|cc|hpp|cs|php|pl|sh|bash|zsh|bat|ps1|exe|dll|dylib|apk|dmg|"
    "iso|zip|tar|gz|bz2|xz|7z|rar|jpe?g|png|gif|svg|webp|bmp|tiff?|ico|mp3|mp4|wav|ogg|flac|m4a|aac|mov|avi|mkv|webm|"
    "srt|vtt|ttf|otf|woff2?|sql|sqlite|db|lock|bak|tmp|pem|crt|whl|epub"
)
_START: Final = r"(?<![\w.:/\\~@<-])"
_PATH: Final = re.compile(
    rf"{_START}(?<![$€£¥₹₩₽₺₴₫₪฿₱₦¢%°])(?:~|\.{{1,2}})?/(?:{_SEGMENT}/?+){{1,30}}+"  # /etc/hosts, ~/projects, ./run
    r"|(?<![\w\\])(?:[A-Za-z]:\\|\\\\)[^\s\"'<>|*?“”«»]{1,300}"  # C:\Users\me\file.txt, \\server\share
    rf"|{_START}[\w-]{{1,60}}+(?:\.[\w-]{{1,60}}+){{0,4}}(?:/{_SEGMENT}){{1,30}}+\.?"  # src/app/main.py
)
_FILE: Final = re.compile(
    rf"{_START}\.?\w[\w-]{{0,80}}(?:\.[\w-]{{1,40}}){{0,4}}\.(?:{_EXTENSIONS})(?![\w@/\\-])(?!\.\w)", re.IGNORECASE
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
"""Pairs of alternatives, and the word that replaces the slash."""
_PRONOUNS: Final = re.compile(
    r"(?<![\w/])(?:she/her(?:/hers)?|he/him(?:/his)?|they/them(?:/theirs)?|s?he/they)(?![\w/])", re.IGNORECASE
)
"""Personal pronouns, read without the slash: "she her"."""
_TRAILING: Final = ".,;:!?…)]}'’*_\"”»"


def read(text: str, numbers: NumberWords) -> str:
    """Runs before the reader of abbreviations: "etc" inside a path is not one."""
    if "/" in text or "\\" in text:
        text = _PATH.sub(lambda match: _path(match.group(), numbers), text)
    if "." in text:
        text = _FILE.sub(lambda match: _path_words(match.group(), numbers), text)
    if "_" in text:
        text = _SNAKE.sub(lambda match: _path_words(match[1], numbers), text)
    if "--" in text and not _TYPED_DASH.search(text):
        text = _OPTION.sub(lambda match: _option(match, numbers), text)
    return _CAMEL.sub(lambda match: f"{match[1]}{_split_camel_case(match[2])}", text)


def read_slashes(text: str, numbers: NumberWords) -> str:
    """Read slashes between words that no other reader has taken: "a/b", but not "and/or"."""
    if "/" not in text:
        return text
    text = _AND_OR.sub(r"\1 \2", text)
    if numbers.locale_words.base_language in _EITHER:
        pairs, either = _EITHER[numbers.locale_words.base_language]
        text = re.sub(rf"(?<![\w/])(?:{pairs})(?![\w/])", lambda match: _either(match[0], either), text, flags=re.I)
    if numbers.locale_words.base_language == "en":
        text = _PRONOUNS.sub(lambda match: match[0].replace("/", " "), text)
        text = re.sub(r"(?<![\w/])(to|from)/(from|to)(?![\w/])", r"\1 and \2", text, flags=re.I)
    return _SLASH.sub(f" {numbers.locale_words.address_symbols['/']} ", text)


def _either(pair: str, either: str) -> str:
    first, second = pair.split("/")
    return f"{'she' if first == 's' else first} {either} {second}"


def _path(written: str, numbers: NumberWords) -> str:
    path = written.rstrip(_TRAILING)
    letters = sum(character.isalpha() for character in path)
    if letters < 2 or not _is_path(path):
        return written
    return f"{_path_words(path, numbers)}{written[len(path) :]}"


def _is_path(path: str) -> bool:
    """Return whether it is a path: it has a leading marker, an underscore or a file extension, unlike "he/she"."""
    if path[0] in "/~.\\" or path[1:3] == ":\\":
        return True
    return re.search(rf"_|\.(?:{_EXTENSIONS})$", path) is not None


def _option(match: re.Match[str], numbers: NumberWords) -> str:
    dash, equals = numbers.locale_words.address_symbols["-"], numbers.locale_words.address_symbols["="]
    return f" {dash} {dash} {match[1].replace('-', ' ')}{f' {equals} ' if match[2] else ''}"


def _split_camel_case(humps: str) -> str:
    return re.sub(r"(?<![A-Z])(?=[A-Z])", " ", humps)


def _path_words(path: str, numbers: NumberWords) -> str:
    """Return the path in the words of an address. Parts that look like abbreviations are spelt letter by letter."""
    abbreviations = abbreviations_of(numbers.language)
    abbreviated = {key.rstrip(".") for key in (*abbreviations.anywhere, *abbreviations.titles)}
    spoken = address_words(_CAMEL.sub(lambda match: f"{match[1]}{_split_camel_case(match[2])}", path), numbers).split(
        " "
    )
    return " ".join(" ".join(word.upper()) if word in abbreviated else word for word in spoken)
