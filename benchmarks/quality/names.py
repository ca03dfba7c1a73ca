"""Reads 200 names of many origins by the rules of a dictionary, in all languages of the engine, and shows the phonemes.

    .venv/bin/python benchmarks/quality/names.py

`names.tsv` has a rule for each: IPA, or an alias. A name stands in a sentence, and the symbols of the sentence have to
be those of the rule: the IPA's own, or those of the sentence with the alias in its place. Writes the symbols of all
names in all languages to `benchmarks/results/speech_control/names.tsv`. Rules that can't be spoken have to be refused.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from benchmarks import reports
from voxport.engine import LANGUAGES, Engine
from voxport.engine.kokoro.chunk import Chunk
from voxport.text.ipa import UnknownIpa, check_ipa, ipa_symbols
from voxport.text.phonemes import vocabulary
from voxport.text.pronunciation import Rule, document_of_text

_NAMES = Path(__file__).with_name("names.tsv")
_CARRIERS = {"hi": "कल {} आए।", "ja": "今日{}が来ました。", "zh": "今天{}来了。"}
_CARRIER = "Oh, {}, no."
_SYMBOLS = {token: symbol for symbol, token in vocabulary().items()}
UNSPEAKABLE = {
    "ʘa": "ʘ", "ǃxoo": "ǃ", "ǀa": "ǀ", "ɓa": "ɓ", "ɗi": "ɗ", "ʛa": "ʛ", "ʡa": "ʡ", "ʢa": "ʢ", "ɧøː": "ɧ", "Qatar": "Q",
    "ka5": "5", "na漢": "漢", "дом": "д", "ka*": "*", "a=b": "=", "x<y": "<", "ka@": "@", "m_n": "_", "a|b": "|",
    "a#": "#",
}  # fmt: skip
"""IPA, and the symbol that the refusal has to name."""


@dataclass
class Spoken:
    """What a language says of the names."""

    rows: list[list[str]]
    refused: list[tuple[str, str]]
    wrong: list[str]
    changed: int = 0


def main() -> None:
    engine = Engine.load()
    names = read_names()
    found = {language: speak(engine, language, names) for language in LANGUAGES}
    engine.close()
    refusals = refused_symbols()
    report = _report(names, found, refusals)
    print(*report.summary, *report.rows, sep="\n")
    for language, spoken in found.items():
        print(language, spoken.refused, spoken.wrong)
    path = reports.write("4_names", report, page="speech_control")
    with path.with_name("names.tsv").open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table, delimiter="\t", lineterminator="\n")
        writer.writerow(["language", "name", "rule", "without the rule", "with the rule"])
        for spoken in found.values():
            writer.writerows(spoken.rows)


def read_names() -> list[Rule]:
    with _NAMES.open(encoding="utf-8") as table:
        rows = csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Rule(row["name"], row["alias"] or None, row["ipa"] or None, is_case_sensitive=True) for row in rows]


def speak(engine: Engine, language: str, names: list[Rule]) -> Spoken:
    """Speak each name by its rule, the whole dictionary being at hand."""
    spoken, usable = Spoken([], [], []), list[Rule]()
    for rule in names:
        try:
            if rule.ipa is not None:
                check_ipa(rule.ipa, language)
            usable.append(rule)
        except UnknownIpa as error:
            spoken.refused.append((rule.match, error.symbol))
    carrier = _CARRIERS.get(language, _CARRIER)
    for rule in usable:
        text = carrier.format(rule.match)
        plain = _symbols(engine.plan(text, language))
        ruled = _symbols(engine.plan(text, language, document=document_of_text(text, usable)))
        spoken.rows.append([language, rule.match, rule.ipa or f"“{rule.alias}”", plain, ruled])
        spoken.changed += plain != ruled
        if not _is_right(engine, rule, language, ruled, carrier):
            spoken.wrong.append(rule.match)
    return spoken


def refused_symbols() -> list[list[str | int | float]]:
    """Return each unspeakable rule with the message; the symbol in it is checked."""
    rows: list[list[str | int | float]] = []
    for ipa, symbol in UNSPEAKABLE.items():
        try:
            check_ipa(ipa, "en-us")
            rows.append([ipa, symbol, "**taken**"])
        except UnknownIpa as error:
            rows.append([ipa, symbol, str(error) if error.symbol == symbol else f"**names {error.symbol}**"])
    return rows


def _is_right(engine: Engine, rule: Rule, language: str, ruled: str, carrier: str) -> bool:
    if rule.ipa is not None:
        return "".join(one for one in ipa_symbols(rule.ipa, language) if one in vocabulary()) in ruled
    assert rule.alias is not None
    alone = _symbols(engine.plan(rule.alias, language))
    written = _symbols(engine.plan(carrier.format(rule.alias), language))
    return ruled.replace(" ", "") == written.replace(" ", "") or alone.strip(".") in ruled


def _symbols(chunks: list[Chunk]) -> str:
    return " ".join("".join(_SYMBOLS[token] for token in chunk.tokens) for chunk in chunks)


def _report(names: list[Rule], found: dict[str, Spoken], refusals: list[list[str | int | float]]) -> reports.Report:
    rows: list[list[str | int | float]] = [
        [
            language,
            f"{len(spoken.rows) - len(spoken.wrong)} of {len(names)}",
            spoken.changed,
            ", ".join(f"{name}: {symbol}" for name, symbol in spoken.refused),
        ]
        for language, spoken in found.items()
    ]
    named = sum("**" not in str(row[2]) for row in refusals)
    return reports.Report(
        "A dictionary of 200 names",
        "python benchmarks/quality/names.py",
        passed=named == len(refusals) and not any(spoken.wrong for spoken in found.values()),
        summary=[
            f"{len(names)} names, {sum(rule.ipa is not None for rule in names)} by IPA and the others by an alias, in "
            "a sentence of each language. The symbols of all are in `benchmarks/results/speech_control/names.tsv`.",
            f"Rules with a sound that no voice has: {named} of {len(refusals)} refused with the symbol, such as "
            + "; ".join(str(row[2]) for row in refusals[:3]) + ".",
        ],
        columns=["language", "spoken as the rule says", "otherwise than without it", "refused when the rule is made"],
        rows=rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
