"""Pages for browsers: `/`, which leads to the Studio, `/docs` and the icon. They load nothing from other hosts."""

from __future__ import annotations

from importlib import resources
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.responses import Response

import voxport
from voxport.settings import Settings
from voxport.web.content_negotiation import prefers
from voxport.web.dependencies import Injected
from voxport.web.public_path import public_path

router = APIRouter(include_in_schema=False)
STATIC_PATH = "/static-offline-docs"  # where fastapi-offline mounts the files of Swagger UI
_CACHE_ONE_DAY = "public, max-age=86400"
_SWAGGER = {
    "tryItOutEnabled": True,
    "displayRequestDuration": True,
    "defaultModelsExpandDepth": 0,
    "defaultModelExpandDepth": 2,
}


@router.get("/")
def home(settings: Injected[Settings], accept: Annotated[list[str] | None, Header()] = None) -> Response:
    """Lead to the Studio where the client would rather have HTML than JSON, else answer with the addresses as JSON."""
    if prefers(accept, "text/html", over="application/json"):
        return RedirectResponse("/studio", 303, headers={"Vary": "Accept", "Cache-Control": "no-cache"})
    return JSONResponse({"status": "success", "data": _index(settings.public_url)}, headers={"Vary": "Accept"})


@router.get("/docs")
def docs(settings: Injected[Settings]) -> HTMLResponse:
    path = public_path(settings.public_url)
    return get_swagger_ui_html(
        openapi_url=f"{path}/openapi.json",
        title="Voxport: API reference",
        swagger_js_url=f"{path}{STATIC_PATH}/swagger-ui-bundle.js",
        swagger_css_url=f"{path}{STATIC_PATH}/swagger-ui.css",
        swagger_favicon_url=f"{path}/favicon.ico",
        swagger_ui_parameters=_SWAGGER,
    )


@router.get("/favicon.ico")
def icon() -> Response:
    return Response(_read_resource("icon.svg"), media_type="image/svg+xml", headers={"Cache-Control": _CACHE_ONE_DAY})


def _index(public_url: str) -> dict[str, str]:
    paths = {"help": "/help/", "docs": "/docs", "openapi": "/openapi.json", "health": "/healthz", "ready": "/readyz"}
    addresses = {name: public_url + path for name, path in paths.items()}
    return {"name": "Voxport", "version": voxport.__version__, **addresses}


def _read_resource(name: str) -> str:
    return resources.files("voxport.web").joinpath(name).read_text("utf-8")
