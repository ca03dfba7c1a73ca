"""The files of the built documentation, by their path in it."""

from __future__ import annotations

from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from string import Template

from voxport.web.static_files import Asset, find_files, make_asset


def find_page(path: str) -> Asset | None:
    """Return the file of a path under /help/, where a path that ends in a slash is a folder's page. None: no such file.
    Only names that were found in the folder are opened, whatever the path says."""
    name = f"{path}index.html" if path == "" or path.endswith("/") else path
    return _load(name) if name in _files() else None


def is_folder(path: str) -> bool:
    """Whether the path, with a slash after it, is a page."""
    return f"{path}/index.html" in _files()


def is_built() -> bool:
    return "index.html" in _files()


def unbuilt_page() -> Asset:
    """Return the page that is shown in place of the first one where nothing was built."""
    return make_asset(_own("unbuilt.html").read_bytes(), "unbuilt.html")


def missing_page(path: str) -> Asset:
    """Return the page of a path that is not there. Its links are relative, as all of the site's."""
    root = "../" * path.count("/") or "./"
    content = Template(_own("missing.html").read_text("utf-8")).substitute(root=root)
    return make_asset(content.encode(), "missing.html")


def site_folder() -> Traversable:
    """Return the folder of the built site, which is not there in a checkout where `make docs` was not run."""
    return _own("site")


@cache
def _files() -> dict[str, Traversable]:
    folder = site_folder()
    return dict(find_files(folder)) if folder.is_dir() else {}


@cache
def _load(name: str) -> Asset:
    return make_asset(_files()[name].read_bytes(), name)


def forget_files() -> None:
    """Look at the folder again."""
    _files.cache_clear()
    _load.cache_clear()


def _own(name: str) -> Traversable:
    return resources.files("voxport.help") / name
