"""GET /ca.crt: the certificate of the data folder's authority, in the form that phones and computers install."""

from __future__ import annotations

import ssl
from typing import Final

from fastapi import APIRouter, Response

from voxport.errors import NotFound
from voxport.settings import Settings
from voxport.tls.trust import authority_path
from voxport.web.dependencies import Injected

PATH: Final = "/ca.crt"
router = APIRouter(include_in_schema=False)


@router.get(PATH)
def authority_certificate(settings: Injected[Settings]) -> Response:
    try:
        content = authority_path(settings.data_dir).read_text("ascii")
    except FileNotFoundError:
        raise NotFound("There is nothing at this address.") from None
    headers = {"Content-Disposition": 'attachment; filename="voxport-ca.crt"', "Cache-Control": "no-cache"}
    return Response(ssl.PEM_cert_to_DER_cert(content), media_type="application/x-x509-ca-cert", headers=headers)
