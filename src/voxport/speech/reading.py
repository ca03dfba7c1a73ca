"""How a request's text is read: plain, with markup, and by pronunciation rules."""

from __future__ import annotations

from collections.abc import Sequence

from voxport.errors import Invalid
from voxport.providers.base import Capabilities
from voxport.speech.codes import nearest_code
from voxport.text.pronunciation import Rule, document_of_text, with_rules
from voxport.text.ssml.document import Document
from voxport.text.ssml.parser import SsmlError, parse_ssml


def read_document(
    text: str, *, markup: str, rules: Sequence[Rule], language: str, capabilities: Capabilities, provider: str
) -> Document | None:
    """Return the document of a text; None for a plain one without rules. Raises Invalid."""
    if markup == "none":
        return document_of_text(text, rules) if rules else None
    if not capabilities.markup_tags:
        raise Invalid(
            f"The provider {provider} does not take markup. Send plain text, or choose another provider.",
            location=("body", "markup"),
        )
    try:
        document = parse_ssml(
            text, language=language, languages=lambda code: nearest_code(code, capabilities.languages)
        )
    except SsmlError as error:
        raise Invalid(
            str(error),
            location=("body", "text"),
            details={"position": error.position, "line": error.line, "column": error.column},
        ) from None
    return with_rules(document, rules)
