"""Books: Markdown and EPUB, as they are read aloud."""

from __future__ import annotations

import pytest

from tests.scripts.epubs import book, nav, page, parts, zipped
from voxport.scripts.formats.paragraphs import MAX_PART_CHARACTERS
from voxport.scripts.formats.read import read_script
from voxport.scripts.script import Chapter, Script, ScriptError

NARRATED = "Narrator"
PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde"
    b"\0\0\0\x0cIDATx\x9cc\xf8\xcf\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82"
)


def markdown(text: str) -> Script:
    return read_script(text.encode(), "markdown")


def texts(script: Script) -> list[str]:
    return [line.text for line in script.lines]


def spoken(body: str) -> list[str]:
    """Return what is read of the body of a chapter."""
    return texts(read_script(book(body), None))


MARKDOWN = """---
title: "The Ferry"
author: [Ana Müller, Ben]
lang: en_GB
cover: x.png
---

# The *Ferry* {#ferry}

A **bold** [link](http://x.example "t")[^1] and `code`, a snake_case & 2 * 3.
It goes on.<br>New line <b>here</b>.

[Ana] Who is *there*?
[Ben] Nobody.
Really \\[sic] nobody. [1] says so.

\\[Ana] is no name.

***

## Second

1. First item
2. Second item
   - [x] inner

| Name | Age |
|------|----:|
| Ana  | 30  |

> A quotation
> over two lines

```python
never = "read"
```

<div>never read</div>

<!-- a remark -->

Roses are red,\\
violets blue.

![A map](map.png)

#### Small heading

[^1]: Never read.
    Nor this.

The end.
"""


def test_markdown_is_read_as_a_book() -> None:
    script = markdown(MARKDOWN)
    assert [(line.character, line.text) for line in script.lines] == [
        (NARRATED, "The Ferry"),
        (NARRATED, "A bold link and code, a snake_case & 2 * 3. It goes on.\nNew line here."),
        ("Ana", "Who is there?"),
        ("Ben", "Nobody. Really [sic] nobody. [1] says so."),
        (NARRATED, "[Ana] is no name."),
        (NARRATED, "Second"),
        (NARRATED, "1. First item"),
        (NARRATED, "2. Second item"),
        (NARRATED, "inner"),
        (NARRATED, "Name, Age."),
        (NARRATED, "Ana, 30."),
        (NARRATED, "A quotation over two lines"),
        (NARRATED, "Roses are red,\nviolets blue."),
        (NARRATED, "A map"),
        (NARRATED, "Small heading"),
        (NARRATED, "The end."),
    ]
    assert (script.title, script.author, script.language) == ("The Ferry", "Ana Müller, Ben", "en-GB")
    assert script.chapters == (Chapter("The Ferry", 1), Chapter("Second", 2))
    assert [line.pause_after for line in script.lines if line.pause_after] == [1.0, 2.0, 1.0, 1.0]
    number = MARKDOWN.split("\n").index("The end.") + 1
    assert script.lines[-1].place == f"line {number}"
    assert len(script.warnings) == 3 and "code is not read" in script.warnings[0]
    assert "HTML" in script.warnings[1] and "1 were left out" in script.warnings[2]


def test_a_name_without_text_in_markdown_is_refused() -> None:
    with pytest.raises(ScriptError, match=r"Line 3: The line of Ana has no text"):
        markdown("Hello.\n\n[Ana]\n")


def test_long_paragraphs_become_lines_of_whole_sentences() -> None:
    sentence = "Dr. Smith went to the ferry at 5 p.m. and met nobody there."
    script = markdown("\n\n".join(["Short.", " ".join([sentence] * 30), "Short."]))
    long = script.lines[1:-1]
    assert len(long) > 3 and all(len(line.text) <= MAX_PART_CHARACTERS for line in long)
    assert all(line.text.endswith(sentence) for line in long)
    assert [line.begins_paragraph for line in long] == [True, *[False] * (len(long) - 1)]
    assert script.lines[-1].begins_paragraph


@pytest.mark.parametrize(
    "text", ["word " * 2000, "字" * 5000, "字。" * 3000, "a. " * 3000, "a " + ". " * 5000, "x, " * 900]
)
def test_a_long_paragraph_loses_no_letter(text: str) -> None:
    script = markdown(text)
    assert "".join("".join(texts(script)).split()).strip(".") == "".join(text.split()).strip(".")
    assert all(len(line.text) <= 4 * MAX_PART_CHARACTERS for line in script.lines)


def test_an_epub_is_read_by_its_table_of_contents() -> None:
    pages = {
        "cover.xhtml": page('<img src="c.png" alt="The cover"/>Cover'),
        "text/toc.xhtml": page("<p>Contents</p>"),
        "text/c%201.xhtml": page("<h1>One</h1><p>First.</p>"),
        "text/more.xhtml": page("<p>Still one.</p>"),
        "text/c2.xhtml": page("<p>Before.</p><h2 id='two'>Two</h2><p>Second.</p><hr/><p>Third.</p>"),
        "notes.xhtml": page("<p>A note.</p>", attributes='epub:type="endnotes"'),
    }
    files = parts(
        pages,
        manifest='<item id="c" href="img/c.png" media-type="image/png" properties="cover-image"/>',
        spine='<itemref idref="nav" linear="no"/>',
        metadata='<dc:creator opf:role="ill">Painter</dc:creator>',
    )
    files["OEBPS/text/c 1.xhtml"] = files.pop("OEBPS/text/c%201.xhtml")
    files["OEBPS/img/c.png"] = PNG
    files["OEBPS/nav.xhtml"] = nav(
        [("text/c%201.xhtml", "One"), ("text/c2.xhtml#two", "Two"), ("nav.xhtml", "Contents")]
    )
    script = read_script(zipped(files), None)
    assert texts(script) == ["One", "First.", "Still one.", "Before.", "Two", "Second.", "Third."]
    assert [line.chapter for line in script.lines] == [0, 0, 0, 0, 1, 1, 1]
    assert script.chapters == (Chapter("One"), Chapter("Two"))
    assert [line.pause_after for line in script.lines] == [1.0, None, None, None, 1.0, 2.0, None]
    assert (script.title, script.author, script.language) == ("The Ferry", "Ana Müller", "en-GB")
    assert script.cover is not None and (script.cover.content, script.cover.content_type) == (PNG, "image/png")
    assert script.lines[4].place == "chapter 2, paragraph 1"
    assert "cover.xhtml" in script.warnings[0]
    everything = read_script(zipped(files), "epub", with_front_matter=True)
    assert texts(everything)[:3] == ["Cover", "Contents", "One"] and "A note." not in texts(everything)


def test_an_epub_2_is_read_by_its_ncx_and_guide() -> None:
    files = parts(
        {"a.xhtml": page("<p>By hand.</p>"), "b.xhtml": page("<p>Text.</p>"), "c.xhtml": page("<p id='x'>More.</p>")},
        with_nav=False,
        manifest='<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
        '<item id="c" href="c.jpg" media-type="image/jpeg"/>',
        metadata='<meta name="cover" content="c"/>',
        toc='toc="ncx"',
        guide='<reference type="dedication" href="a.xhtml"/><reference type="text" href="b.xhtml"/>',
    )
    files["OEBPS/toc.ncx"] = (
        '<!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://www.daisy.org/z3986/2005/ncx-2005-1.dtd">'
        "<ncx><navMap><navPoint><navLabel><text>Part&nbsp;I</text></navLabel><content src='b.xhtml'/><navPoint>"
        "<navLabel><text>Two</text></navLabel><content src='c.xhtml#x'/></navPoint></navPoint></navMap></ncx>"
    )
    files["OEBPS/c.jpg"] = b"no picture"
    script = read_script(zipped(files), None)
    assert texts(script) == ["Text.", "More."]
    assert script.chapters == (Chapter("Part I"), Chapter("Two", 2))
    assert script.cover is None and any("cover" in warning for warning in script.warnings)


def test_a_book_without_a_table_of_contents_has_chapters_by_its_headings() -> None:
    bodies = {"a.xhtml": page("<h1>One</h1><p>First.</p><h3>Inner</h3><p>More.</p><h2>Two</h2><p>x</p>")}
    script = read_script(zipped(parts(bodies, with_nav=False)), None)
    assert script.chapters == (Chapter("One"), Chapter("Two", 2))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<p><span class="dropcap">O</span>nce</p>', ["Once"]),
        ('<p><img src="t.png" alt="T"/>he door <img src="x.png" alt="a door"/></p>', ["The door"]),
        ("<p>co\u00adoper&shy;ate &amp; &mdash;&nbsp;&hellip; caf&eacute; &#65;</p>", ["cooperate & — … café A"]),
        ("<p><ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>字</p>", ["漢字"]),
        ("<p>One<br/>two <br/>\n three</p>", ["One\ntwo\nthree"]),
        ("<pre>One\n  two</pre>", ["One\ntwo"]),
        ("<p>One</p>text<p>two</p>", ["One", "text", "two"]),
        ("<div>One<div>two</div>three</div>", ["One", "two", "three"]),
        (
            "<table><tr><td>Ana</td><td>30</td></tr><tr><th>Ben</th><td><p>x</p></td></tr></table>",
            ["Ana, 30", "Ben,", "x"],
        ),
        ("<script>never()</script><style>p{}</style><p>Read</p><svg><text>no</text></svg>", ["Read"]),
        ('<p>See <a href="https://x.example">the page</a>.</p>', ["See the page."]),
        (
            '<p>One<a epub:type="noteref" href="#n">1</a>.</p><aside epub:type="footnote" id="n"><p>No.</p></aside>',
            ["One."],
        ),
        ('<p>One<sup><a href="#n">1</a></sup>.</p><p id="n">1 No.</p><p>Two.</p>', ["One.", "Two."]),
        ('<p>One<a href="#n"><sup>[1]</sup></a>.</p><p><a id="n" href="#b">1</a> No.</p><p>Two.</p>', ["One.", "Two."]),
        ('<p>One<sup>[<a href="#n">*</a>]</sup>.</p><ol><li id="n"><p>No.</p><p>No.</p></li></ol>', ["One."]),
        ('<p>One<a href="#n">[12]</a>.</p><p id="n">Kept.</p>', ["One.", "Kept."]),
        ('<p>x<sup>2</sup> and in <a href="#y">1984</a> and <a href="#z">7</a></p>', ["x2 and in 1984 and 7"]),
        (
            '<p>Text<span epub:type="pagebreak" role="doc-pagebreak" aria-label="12">12</span> goes on</p>',
            ["Text goes on"],
        ),
        ('<p><span aria-label="Once"><span aria-hidden="true">O</span>nce</span> more</p>', ["Once more"]),
        ('<p hidden="hidden">No</p><p style="display: none">No</p><p aria-hidden="true">No</p><p>Yes</p>', ["Yes"]),
        ('<section epub:type="dedication"><p>To B.</p></section><section><p>Text</p></section>', ["Text"]),
        ("<p>One</p><p>* * *</p><p>•</p><p>Two</p>", ["One", "Two"]),
        ("<nav><ol><li>No</li></ol></nav><p>Yes</p>", ["Yes"]),
        ('<p>Sum <math alttext="a plus b"><mi>a</mi></math></p>', ["Sum a plus b"]),
        ("<P><B>Upper</B> case</P>", ["Upper case"]),
        ("<p>[sic] [Ana] stays</p>", ["[sic] [Ana] stays"]),
        ("<p>A\tB\nC</p>", ["A B C"]),
    ],
)  # fmt: skip
def test_xhtml_is_read_sensibly(body: str, expected: list[str]) -> None:
    assert spoken(body) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252"])
def test_pages_of_other_encodings_are_read(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><html><body><p>Größe</p></body></html>'
    files = parts({"c1.xhtml": ""})
    files["OEBPS/c1.xhtml"] = text.encode(encoding)
    assert texts(read_script(zipped(files), None)) == ["Größe"]


def test_footnotes_and_pictures_that_are_left_out_are_counted() -> None:
    script = read_script(
        book('<p>One<sup><a href="#n">1</a></sup> <img src="a" alt="x y"/></p><p id="n">No.</p>'), None
    )
    assert any("1 were left out" in each for each in script.warnings if "Footnotes" in each)
    assert any("1 were left out" in each for each in script.warnings if "Pictures" in each)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n\n" * 150_001, "150,001 lines. At most 150,000"),
        ("_a " * 200_001, "200,001 marks of markup"),
        ("a" * 5_000_001, "5,000,001 characters"),
        ("One.\n\n" + "a line\n" * 20_000, "Line 3: The paragraph has 139,999 characters"),
        ("| a |\n|---|\n" + "| b |\n" * 21_000, "21,001 lines. At most 20,000"),
    ],
)
def test_markdown_that_would_take_too_long_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ScriptError) as caught:
        markdown(text)
    assert expected in str(caught.value)


def test_links_by_reference_are_read_by_their_text() -> None:
    assert texts(markdown("A [knock][1] came.\n\n[1]: https://example.com 'x'\n\nThe end.")) == [
        "A knock came.",
        "The end.",
    ]
