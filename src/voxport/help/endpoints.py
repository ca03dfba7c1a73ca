"""GET /help: the documentation. The OpenAPI document leaves it out."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Header, Request
from fastapi.responses import RedirectResponse, Response

from voxport.errors import NotFound
from voxport.help.site_files import find_page, is_built, is_folder, missing_page, unbuilt_page
from voxport.web.content_negotiation import prefers
from voxport.web.static_files import Asset, content_security_policy, send_asset

router = APIRouter(include_in_schema=False)

_HEADERS: Final = {
    "Content-Security-Policy": content_security_policy(),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",
}
# A picture has its own style sheet inside, for light and dark.
_SVG_HEADERS: Final = {
    **_HEADERS,
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
}


@router.get("/help")
def first_page() -> Response:
    return _redirect("/help/")


@router.get("/help/{path:path}")
def help_page(path: str, request: Request, accept: Annotated[list[str] | None, Header()] = None) -> Response:
    """Send a page or a file of the site. A page's address ends in a slash, since its links are relative to it; the
    address without the slash leads there."""
    if (found := find_page(path)) is not None:
        return send_asset(request, found, _headers_of(found))
    if path == "" and not is_built():
        return send_asset(request, unbuilt_page(), _HEADERS)
    if is_folder(path):
        return _redirect(f"/help/{quote(path)}/")
    if prefers(accept, "text/html", over="application/json"):
        return send_asset(request, missing_page(path), _HEADERS, status_code=404)
    raise NotFound("There is no such page of the documentation. /help/ is the first one.")


def _headers_of(asset: Asset) -> dict[str, str]:
    return _SVG_HEADERS if asset.content_type == "image/svg+xml" else _HEADERS


def _redirect(path: str) -> Response:
    return RedirectResponse(path, 307, headers={"Cache-Control": "no-cache"})
