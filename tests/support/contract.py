"""The contract's examples, if they are available."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest


def contract(name: str) -> Any:
    """Loads one of the contract's JSON files. Skips the test if the folder is absent."""
    checkout = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("VOXPORT_CONTRACT_DIR") or checkout.parent / "shared" / "contract")
    if not (folder / name).is_file():
        pytest.skip("the contract's examples are absent (set VOXPORT_CONTRACT_DIR)")
    return json.loads((folder / name).read_text("utf-8"))
