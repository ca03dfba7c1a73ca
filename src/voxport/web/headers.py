"""Security headers for browsers, and the header for warnings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.datastructures import MutableHeaders

_SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_DENY_ALL_POLICY = "default-src 'none'; frame-ancestors 'none'"
# The page /docs needs an inline script, which starts Swagger UI, and calls to this gateway.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HSTS_ONE_YEAR = "max-age=31536000"


def warnings_header(warnings: Sequence[str]) -> dict[str, str]:
    """Return `X-Voxport-Warnings` if there are warnings. Headers are ASCII, so other characters become `\\u…`."""
    if not warnings:
        return {}
    line = " ".join(" ".join(warnings).split())
    return {"X-Voxport-Warnings": line.encode("ascii", "backslashreplace").decode()}


def security_headers(*, sends_hsts: bool) -> Callable[[MutableHeaders], None]:
    """Return a function that adds the security headers that an answer has not set itself."""

    def add(headers: MutableHeaders) -> None:
        for name, value in _SECURITY_HEADERS.items():
            headers.setdefault(name, value)
        content_type = headers.get("content-type", "")
        headers.setdefault(
            "Content-Security-Policy", _DOCS_POLICY if content_type.startswith("text/html") else _DENY_ALL_POLICY
        )
        if content_type.startswith(("application/json", "text/csv")):
            headers.setdefault("Cache-Control", "no-store")
        if sends_hsts:
            headers.setdefault("Strict-Transport-Security", _HSTS_ONE_YEAR)

    return add
