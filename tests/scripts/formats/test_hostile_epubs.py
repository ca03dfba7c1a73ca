"""EPUBs that are damaged, protected, or made to do harm: a clear error each, in bounded memory."""

from __future__ import annotations

import io
import random
import stat
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable

import pytest

from tests.scripts.epubs import CONTAINER, book, nav, opf, page, parts, zipped
from voxport.scripts.formats.epub import archive
from voxport.scripts.formats.read import read_script
from voxport.scripts.script import Script, ScriptError

MAX_MEMORY = 64 * 1024**2
"""Bytes beside the file itself."""
Files = dict[str, str | bytes]
BASE = {"c1.xhtml": page("<p>Text.</p>")}
HEX = "0123456789abcdef"
LAUGHS = "".join("<!ENTITY a%d '%s'>" % (n, 10 * f"&a{n - 1};") for n in range(1, 10))  # noqa: UP031


def read(content: bytes) -> Script:
    """Read a book, and look at the memory that it takes."""
    tracemalloc.start()
    try:
        return read_script(content, "epub")
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < MAX_MEMORY, f"{peak:,} bytes"


def changed(**files: str | bytes) -> bytes:
    """Return a book with other files in it; `__` in a name is a slash."""
    base: Files = parts(BASE)
    return zipped({**base, **{name.replace("__", "/").replace("_dot_", "."): text for name, text in files.items()}})


def with_file(name: str, content: str | bytes = b"x") -> bytes:
    return zipped({**parts(BASE), name: content})


def with_page(content: str | bytes) -> bytes:
    return zipped({**parts(BASE), "OEBPS/c1.xhtml": content})


def with_package(content: str) -> bytes:
    return zipped({**parts(BASE), "OEBPS/book.opf": content})


def without(name: str) -> bytes:
    files = parts(BASE)
    del files[name]
    return zipped(files)


def encryption(*algorithms: str) -> str:
    data = "".join(
        f'<enc:EncryptedData><enc:EncryptionMethod Algorithm="{each}"/></enc:EncryptedData>' for each in algorithms
    )
    return f'<encryption xmlns:enc="http://www.w3.org/2001/04/xmlenc#">{data}</encryption>'


def with_link() -> bytes:
    stream = io.BytesIO(zipped(parts(BASE)))
    with zipfile.ZipFile(stream, "a") as archive:
        link = zipfile.ZipInfo("OEBPS/link.xhtml")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    return stream.getvalue()


def with_encrypted_flag() -> bytes:
    content = bytearray(book("<p>Text.</p>"))
    at = content.index(b"PK\x01\x02")
    while at >= 0:
        content[at + 8] |= 1
        at = content.find(b"PK\x01\x02", at + 1)
    return bytes(content)


def with_lying_sizes() -> bytes:
    """Return a book whose directory says that each file has 100 bytes."""
    content = bytearray(with_page(page("<p>Text.</p>" * 10_000)))
    at = content.index(b"PK\x01\x02")
    while at >= 0:
        content[at + 24 : at + 28] = (100).to_bytes(4, "little")
        at = content.find(b"PK\x01\x02", at + 1)
    return bytes(content)


def many_words(count: int, separator: str = " ") -> str:
    """Return short words that are hard to compress, so that they are no bomb."""
    return separator.join(random.Random(1).choices([f"{first}{second}" for first in HEX for second in HEX], k=count))


def with_lzma() -> bytes:
    stream = io.BytesIO(zipped({name: text for name, text in parts(BASE).items() if name != "OEBPS/c1.xhtml"}))
    with zipfile.ZipFile(stream, "a") as archive:
        archive.writestr("OEBPS/c1.xhtml", page("<p>x</p>"), zipfile.ZIP_LZMA)
    return stream.getvalue()


def with_duplicate() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate"):
        return zipped([*parts(BASE).items(), ("OEBPS/c1.xhtml", page("<p>Other.</p>"))])


def with_many_entries() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for number in range(12_000):
            archive.writestr(zipfile.ZipInfo(f"{number}"), b"")
    return stream.getvalue()


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "no zip": (lambda: b"PK\x03\x04 not really", "no EPUB: it is not a zip file"),
    "cut off": (lambda: book("<p>Text.</p>")[:-30], "not a zip file, or it is damaged"),
    "wrong mimetype": (lambda: changed(mimetype="application/zip"), "Mimetype: The file is no EPUB"),
    "no container": (lambda: without("META-INF/container.xml"), "it has no META-INF/container.xml"),
    "no package": (lambda: without("OEBPS/book.opf"), "no package document"),
    "no page": (lambda: without("OEBPS/c1.xhtml"), "The chapter 'c1.xhtml' is missing"),
    "container names itself": (
        lambda: with_file("META-INF/container.xml", CONTAINER.replace("OEBPS/book.opf", "META-INF/container.xml")),
        "no package document",
    ),
    "container leaves the book": (
        lambda: with_file("META-INF/container.xml", CONTAINER.replace("OEBPS/book.opf", "../../etc/passwd")),
        "leads out of the EPUB",
    ),
    "a bomb": (lambda: with_page(page("<p>" + "a" * 8_000_000 + "</p>")), "unpacks to 8,000,"),
    "a long paragraph": (lambda: book(f"<p>{many_words(3_000_000)}</p>"), "A paragraph has more than 1,000,000"),
    "a large page": (lambda: with_page(b"<p>" + zlib.compress(b"") * 1_300_000), "unpacks to"),
    "lying sizes": (with_lying_sizes, "is damaged"),
    "lzma": (with_lzma, "compressed in a way that EPUB does not have"),
    "many files": (with_many_entries, "holds 12,000 files. At most 10,000"),
    "two of a name": (with_duplicate, "two files named 'OEBPS/c1.xhtml'"),
    "dots in a name": (lambda: with_file("OEBPS/../../../etc/passwd"), "leads out of it"),
    "absolute name": (lambda: with_file("/etc/passwd"), "leads out of it"),
    "backslashes": (lambda: with_file("OEBPS\\..\\x"), "leads out of it"),
    "a drive": (lambda: with_file("C:/x"), "leads out of it"),
    "a link": (with_link, "is a link"),
    "encrypted entries": (with_encrypted_flag, "is encrypted"),
    "drm": (
        lambda: with_file("META-INF/encryption.xml", encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc")),
        "protected (DRM)",
    ),
    "unknown drm": (lambda: with_file("META-INF/encryption.xml", "<e><EncryptedData/></e>"), "protected (DRM)"),
    "lcp": (lambda: with_file("META-INF/license.lcpl", "{}"), "protected (DRM)"),
    "spine twice": (
        lambda: with_package(opf(["c1.xhtml"], spine='<itemref idref="p0"/>')), "lists 'OEBPS/c1.xhtml' twice",
    ),
    "two items of a file": (lambda: with_package(opf(["c1.xhtml", "c1.xhtml"])), "lists 'OEBPS/c1.xhtml' twice"),
    "spine of itself": (lambda: with_package(opf(["book.opf"])), "'book.opf' is missing"),
    "spine of nothing": (lambda: with_package(opf([], spine='<itemref idref="x"/>')), "not in the manifest"),
    "no spine": (lambda: with_package(opf([])), "no spine"),
    "spine outside": (lambda: with_package(opf(["../../x.xhtml"])), "leads out of the EPUB"),
    "spine outside, encoded": (lambda: with_package(opf(["%2e%2e/%2e%2e/x.xhtml"])), "leads out of the EPUB"),
    "remote spine": (lambda: with_package(opf(["http://127.0.0.1/x.xhtml"])), "is missing in the EPUB"),
    "picture in the spine": (
        lambda: with_package(
            opf([], manifest='<item id="a" href="a.png" media-type="image/png"/>', spine='<itemref idref="a"/>')
        ),
        "no text",
    ),
    "fallback of itself": (
        lambda: with_package(
            opf(
                [],
                manifest='<item id="a" href="a" media-type="image/png" fallback="b"/>'
                '<item id="b" href="b" media-type="image/png" fallback="a"/>',
                spine='<itemref idref="a"/>',
            )
        ),
        "leads back to it",
    ),
    "contents outside": (lambda: changed(OEBPS__nav_dot_xhtml=nav([("../../x", "One")])), "outside of the EPUB"),
    "laughs": (
        lambda: with_page(f'<!DOCTYPE html [<!ENTITY a0 "ha">{LAUGHS}]><html><p>&a9;</p></html>'),
        "OEBPS/c1.xhtml: The file declares the entity 'a0'",
    ),
    "laughs in the package": (
        lambda: with_package(f'<!DOCTYPE p [<!ENTITY a0 "ha">{LAUGHS}]><package>&a9;</package>'), "declares the entity",
    ),
    "external entity": (
        lambda: with_page('<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]><html><p>&x;</p></html>'),
        "declares the entity 'x'",
    ),
    "parameter entity": (
        lambda: with_page('<!DOCTYPE html [<!ENTITY % x SYSTEM "http://127.0.0.1/x"> %x;]><html><p>y</p></html>'),
        "declares the entity 'x'",
    ),
    "unknown entity": (lambda: with_page("<html><p>&nothing;</p></html>"), "The entity &nothing; is not known"),
    "deep": (lambda: with_page("<a>" * 100_000), "nested more than 256 deep"),
    "attributes": (
        lambda: with_page("<html " + " ".join(f"a{n}='x'" for n in range(200_000)) + "/>"), "more than 200 attributes",
    ),
    "no xml": (lambda: with_page("<html><p>One</html>"), "mismatched tag, line 1"),
    "unknown encoding": (lambda: with_page("<?xml version='1.0' encoding='klingon'?><html/>"), "encoding is not known"),
    "nothing to read": (lambda: book("<p>…</p>"), "no line to speak"),
    "only a script": (lambda: book("<script>alert(1)</script>"), "no line to speak"),
    "many lines": (lambda: book("".join(f"<p>Line {n * n}</p>" for n in range(21_000))), "21,000 lines"),
    "many chapters": (
        lambda: changed(
            OEBPS__nav_dot_xhtml=nav([(f"c1.xhtml#i{n}", f"T{n}") for n in range(1_100)]),
            OEBPS__c1_dot_xhtml=page("".join(f'<p id="i{n}">Text {n}</p>' for n in range(1_100))),
        ),
        "1,100 chapters. At most 1,000",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_book_is_refused_in_bounded_memory(name: str) -> None:
    make, expected = HOSTILE[name]
    content = make()
    with pytest.raises(ScriptError) as caught:
        read(content)
    assert expected in str(caught.value)
    assert len(str(caught.value)) < 400


HARMLESS: dict[str, tuple[Callable[[], bytes], list[str]]] = {
    "fonts that are obfuscated": (
        lambda: with_file("META-INF/encryption.xml", encryption("http://www.idpf.org/2008/embedding")), ["Text."],
    ),
    "no mimetype": (lambda: without("mimetype"), ["Text."]),
    "contents of themselves": (lambda: changed(OEBPS__nav_dot_xhtml=nav([("nav.xhtml", "Me")])), ["Text."]),
    "contents of nothing": (lambda: changed(OEBPS__nav_dot_xhtml=nav([("no.xhtml", "No")])), ["Text."]),
    "a long link in the contents": (
        lambda: changed(OEBPS__nav_dot_xhtml=nav([(f"%{many_words(3_000_000, '%')}", "Long")])), ["Text."],
    ),
    "a long title in the contents": (
        lambda: changed(OEBPS__nav_dot_xhtml=nav([("c1.xhtml", many_words(3_000_000))])), ["Text."],
    ),
    "a long title": (
        lambda: with_package(opf(["c1.xhtml"], metadata=f"<dc:creator>{many_words(3_000_000)}</dc:creator>")),
        ["Text."],
    ),
    "many properties": (
        lambda: with_package(opf(["c1.xhtml"], manifest=f'<item id="a" properties="{many_words(3_000_000)}"/>')),
        ["Text."],
    ),
    "many types": (lambda: book(f'<p epub:type="{many_words(1_500_000)}">Text.</p>'), ["Text."]),
    "a missing table of contents": (lambda: without("OEBPS/nav.xhtml"), ["Text."]),
    "links that leave the book": (lambda: book('<p>A <a href="../../../x#1"><sup>1</sup></a> b</p>'), ["A b"]),
    "remote parts": (lambda: book('<p>A</p><iframe src="http://127.0.0.1/"/><img src="http://127.0.0.1/x"/>'), ["A"]),
    "a doctype of another": (
        lambda: with_page('<!DOCTYPE html PUBLIC "x" "http://127.0.0.1/x.dtd"><html><p>a&nbsp;b</p></html>'), ["a b"],
    ),
    "many blanks": (lambda: book("<p>A" + "<b id='x'> </b>" * 10_000 + "B</p>"), ["A B"]),
    "a directory twice": (lambda: zipped([("OEBPS/", b""), *parts(BASE).items()]), ["Text."]),
}  # fmt: skip


@pytest.mark.parametrize("name", HARMLESS)
def test_a_strange_book_is_read(name: str) -> None:
    make, expected = HARMLESS[name]
    assert [line.text for line in read(make()).lines] == expected


def test_a_zip64_is_read() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in parts(BASE).items():
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as file:
                file.write(content if isinstance(content, bytes) else content.encode())
    assert [line.text for line in read(stream.getvalue()).lines] == ["Text."]


def test_a_book_of_the_largest_size_takes_bounded_memory() -> None:
    paragraph = " ".join(f"Word {number} of the sentence is here." for number in range(12))
    pages = {f"c{n}.xhtml": page(f"<p>{paragraph}</p>" * 45) for n in range(1, 181)}
    script = read(zipped(parts(pages)))
    assert 3_000_000 < sum(len(line.text) for line in script.lines) < 4_000_000
    assert len(script.chapters) == 180


def test_the_tags_of_all_files_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MARKS", 200)
    assert len(read(book("<p>One &amp; two.</p>", "<p>Three.</p>")).lines) == 2
    with pytest.raises(ScriptError, match=r"more than 200 tags and entities up to 'OEBPS/c2\.xhtml'\. Split it"):
        read(book("<i/>" * 80, "&nbsp;" * 80 + "<p>Text.</p>"))


def test_a_link_around_a_whole_chapter_is_text() -> None:
    long = "A sentence that is longer than the mark of any note, which has a hundred characters at most, as this shows."
    assert [line.text for line in read(book(f'<p><a href="#x"><a href="#y">{long}</a></a></p>')).lines] == [long]
