"""The client of an S3-compatible service, with its keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError

from voxport.storage.base import StorageError
from voxport.storage.config import S3Options

MAX_ATTEMPTS: Final = 3
_MAX_CONNECT_SECONDS: Final = 5.0
_MAX_CONNECTIONS: Final = 64


@dataclass(frozen=True)
class Connection:
    """botocore's client, which threads share, and its credentials, which may be renewed at any time."""

    client: Any
    credentials: Any
    addressing_style: str


@lru_cache(maxsize=4)
def connect(options: S3Options) -> Connection:
    """Creates the client of a service; the same one for the same options, since it takes 15 MB and 60 ms. Raises
    StorageError."""
    session = botocore.session.Session()
    style = options.addressing_style or ("path" if options.endpoint_url else "virtual")
    config = Config(
        s3={"addressing_style": style},
        signature_version="s3v4",
        connect_timeout=min(_MAX_CONNECT_SECONDS, options.timeout),
        read_timeout=options.timeout,
        retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
        max_pool_connections=_MAX_CONNECTIONS,
        # Checksums in trailers are refused by many services other than AWS.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    try:
        if options.access_key_id is not None:
            credentials = Credentials(options.access_key_id, options.secret_access_key)
        else:
            credentials = session.get_credentials()
        client = session.create_client(
            "s3",
            region_name=options.region or session.get_config_variable("region") or "us-east-1",
            endpoint_url=options.endpoint_url,
            aws_access_key_id=options.access_key_id,
            aws_secret_access_key=options.secret_access_key,
            config=config,
        )
    except (BotoCoreError, ValueError) as error:
        raise StorageError(f"Storage on S3 can't be set up: {error}") from error
    if credentials is None:
        raise StorageError(
            "Storage on S3 has no keys: set VOXPORT_S3_ACCESS_KEY_ID and VOXPORT_S3_SECRET_ACCESS_KEY, or give them "
            "the way that AWS's tools take them (environment, profile, role of the machine)."
        )
    return Connection(client, credentials, style)
