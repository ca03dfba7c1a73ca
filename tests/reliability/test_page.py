"""The reliability page is generated from the figures alone."""

from __future__ import annotations

from write_reliability_doc import PAGE, reliability_doc


def test_the_page_is_written_from_the_figures() -> None:
    assert PAGE.read_text("utf-8") == reliability_doc(), "run: python scripts/write_reliability_doc.py"
