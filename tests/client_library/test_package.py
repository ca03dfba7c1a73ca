"""The distribution: one version, its licence, its types, and no dependency but httpx2."""

from __future__ import annotations

import ast
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import voxport
import voxport_client

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients" / "python"


def test_the_client_has_the_version_of_the_gateway() -> None:
    assert voxport_client.__version__ == voxport.__version__ == distribution("voxport-client").version


def test_the_only_dependency_is_httpx2() -> None:
    project = tomllib.loads((CLIENT / "pyproject.toml").read_text("utf-8"))["project"]
    assert [one.partition(">")[0] for one in project["dependencies"]] == ["httpx2"]
    imported = set()
    for path in (CLIENT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            imported |= {name.split(".")[0] for name in names}
    assert imported - set(sys.stdlib_module_names) == {"httpx2", "voxport_client"}


def test_the_package_is_typed_and_has_the_licence_of_the_gateway() -> None:
    assert (CLIENT / "src" / "voxport_client" / "py.typed").exists()
    assert (CLIENT / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_everything_public_is_named_and_documented() -> None:
    for name in voxport_client.__all__:
        assert hasattr(voxport_client, name)
    assert voxport_client.__all__ == sorted(voxport_client.__all__)
    for kind in (voxport_client.Voxport, voxport_client.VoxportError):
        assert kind.__doc__


def test_every_error_class_is_on_the_page() -> None:
    page = (ROOT / "docs" / "client.md").read_text("utf-8")
    names = {name for name in voxport_client.__all__ if name.endswith("Error")} - {"VoxportError", "StatusError"}
    assert {name for name in names if f"`{name}`" not in page} == set()
