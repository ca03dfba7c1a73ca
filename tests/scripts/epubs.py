"""Makes EPUBs for tests, well formed ones and others."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
    '<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
)


def page(body: str, *, head: str = "", attributes: str = "") -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops">'
        f"<head><title>x</title>{head}</head><body {attributes}>{body}</body></html>"
    )


def nav(entries: Sequence[tuple[str, str]], *, more: str = "") -> str:
    items = "".join(f'<li><a href="{href}">{title}</a></li>' for href, title in entries)
    return page(f'<nav epub:type="toc"><ol>{items}</ol></nav>{more}')


def opf(
    pages: Sequence[str], *, metadata: str = "", manifest: str = "", spine: str = "", toc: str = "", guide: str = ""
) -> str:
    items = "".join(
        f'<item id="p{number}" href="{name}" media-type="application/xhtml+xml"/>' for number, name in enumerate(pages)
    )
    refs = "".join(f'<itemref idref="p{number}"/>' for number, _ in enumerate(pages))
    return (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:opf="http://www.idpf.org/2007/opf" version="3.0"><metadata>'
        "<dc:title>The Ferry</dc:title><dc:creator>Ana Müller</dc:creator><dc:language>en-GB</dc:language>"
        f"{metadata}</metadata><manifest>{items}{manifest}</manifest><spine {toc}>{refs}{spine}</spine>"
        f"<guide>{guide}</guide></package>"
    )


def zipped(files: Mapping[str, str | bytes] | Sequence[tuple[str, str | bytes]]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items() if isinstance(files, Mapping) else files:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def parts(pages: Mapping[str, str], *, with_nav: bool = True, **package: str) -> dict[str, str | bytes]:
    """Return the files of a book whose pages are named relative to its package document."""
    manifest = package.pop("manifest", "")
    files: dict[str, str | bytes] = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER}
    if with_nav:
        manifest += '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        files["OEBPS/nav.xhtml"] = nav([(name, f"Chapter {n}") for n, name in enumerate(pages, 1)])
    files["OEBPS/book.opf"] = opf(list(pages), manifest=manifest, **package)
    return {**files, **{f"OEBPS/{name}": content for name, content in pages.items()}}


def book(*bodies: str) -> bytes:
    """Return a book of these chapters."""
    return zipped(parts({f"c{number}.xhtml": page(body) for number, body in enumerate(bodies, 1)}))
