"""Ends with 0 if the gateway in this container answers: the health check of the image, by the standard library alone.

    healthcheck.py [PORT]

`voxport serve --tls` answers by https only, so that is tried too. The certificate is not checked: the connection stays
inside the container, and the answer is not used.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import sys

_TIMEOUT_SECONDS = 4.0


def main() -> int:
    """Returns the exit code."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    plain = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    secure = http.client.HTTPSConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS, context=_unchecked())
    for connection in (plain, secure):
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/healthz")
            return 0 if connection.getresponse().status == 200 else 1
    return 1


def _unchecked() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


if __name__ == "__main__":
    sys.exit(main())
