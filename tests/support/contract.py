"""The contract's examples, where they are at hand."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest


def contract(name: str) -> Any:
    """One of the contract's files. Skips where the folder is absent."""
    checkout = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("VOXPORT_CONTRACT_DIR") or checkout.parent / "shared" / "contract")
    if not (folder / name).is_file():
        pytest.skip("the contract's examples are absent (set VOXPORT_CONTRACT_DIR)")
    return json.loads((folder / name).read_text("utf-8"))
