"""The file in which `voxport login` keeps the address of a gateway and a key of it."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from voxport.cli.errors import CommandError
from voxport.cli.exit_codes import ExitCode


@dataclass(frozen=True)
class Login:
    url: str
    api_key: str = field(repr=False)


def login_path() -> Path:
    """`$XDG_CONFIG_HOME/voxport/login.json`, else `~/.config/voxport/login.json`."""
    base = os.environ.get("XDG_CONFIG_HOME") or f"{os.environ.get('HOME') or '~'}/.config"
    return Path(base).expanduser() / "voxport" / "login.json"


def read_login() -> Login | None:
    """Return what `voxport login` kept. Raises CommandError if the file can't be read."""
    path = login_path()
    try:
        content = json.loads(path.read_text("utf-8"))
        return Login(str(content["url"]), str(content["api_key"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = error.strerror or "it can't be read"
    except (ValueError, KeyError, TypeError):
        reason = "it is damaged"
    raise CommandError(
        f"{path}: {reason}.", ExitCode.OTHER, "`voxport login` writes it anew; `voxport logout` removes it."
    )


def write_login(login: Login) -> Path:
    """Keep a login, readable by its user only. Raises CommandError if the file can't be written."""
    path = login_path()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, json.dumps({"url": login.url, "api_key": login.api_key}, indent=2) + "\n")
    except OSError as error:
        raise CommandError(
            f"{path} can't be written: {error.strerror}.",
            ExitCode.OTHER,
            "Set VOXPORT_URL and VOXPORT_API_KEY instead, or XDG_CONFIG_HOME to a folder that can be written.",
        ) from None
    return path


def remove_login() -> bool:
    """Return whether there was one. Raises CommandError if the file can't be removed."""
    path = login_path()
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CommandError(f"{path} can't be removed: {error.strerror}.", ExitCode.OTHER) from None
    return True


def write_private(path: Path, content: str) -> None:
    """Write a file that only its user can read, at once or not at all. Raises OSError."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
