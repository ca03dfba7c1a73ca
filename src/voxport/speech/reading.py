"""How a request's text is read: plain, with markup, and by pronunciation rules."""

from __future__ import annotations

from collections.abc import Sequence

from voxport.errors import Invalid
from voxport.providers.base import Capabilities, Provider
from voxport.speech.codes import nearest_code
from voxport.text.pronunciation import Rule, document_of_text, with_rules
from voxport.text.ssml.document import Document
from voxport.text.ssml.parser import SsmlError, parse_ssml


def read_document(
    text: str, *, markup: str, rules: Sequence[Rule], language: str, capabilities: Capabilities, provider: str
) -> Document | None:
    """Return the document of a text; None for a plain one without rules. Raises Invalid."""
    if markup == "none":
        document = document_of_text(text, rules) if rules else None
        return document if document is None else _with_speakable_rules(document, capabilities, provider)
    if not capabilities.markup_tags:
        raise Invalid(
            f"The provider {provider} does not take markup. Send plain text, or choose another provider.",
            location=("body", "markup"),
        )
    try:
        document = parse_ssml(
            text,
            language=language,
            languages=lambda code: nearest_code(code, capabilities.languages),
            tags=capabilities.markup_tags,
        )
    except SsmlError as error:
        raise Invalid(
            str(error),
            location=("body", "text"),
            details={"position": error.position, "line": error.line, "column": error.column},
        ) from None
    return _with_speakable_rules(with_rules(document, rules), capabilities, provider)


def text_and_document(text: str, document: Document | None, provider: Provider) -> tuple[str, Document | None]:
    """Return the text and the document of an utterance at a provider: of one that reads no documents, the text has what
    the document says."""
    if document is None or provider.capabilities().reads_documents:
        return text, document
    return document.as_text(provider.pause_markup), None


def _with_speakable_rules(document: Document, capabilities: Capabilities, provider: str) -> Document:
    """Return the document. Raises Invalid if a rule gives phonemes to a word of it, and the provider speaks none."""
    if "phoneme" in capabilities.markup_tags:
        return document
    for line in document.lines:
        for segment in line.segments:
            if segment.ipa is not None:
                raise Invalid(
                    f"The provider {provider} does not speak phonemes, and a rule has some for {segment.text!r}. Give "
                    "it an alias, or choose another provider.",
                    location=("body", "pronunciations"),
                    details={"match": segment.text},
                )
    return document
