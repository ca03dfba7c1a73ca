"""The provider of `examples/voxport-hum`, installed as a third-party package, meets the requirements of a provider."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from xml.etree import ElementTree

import pytest

from voxport.errors import ProviderUnavailable
from voxport.providers.base import ProviderConfig
from voxport.providers.names import ENTRY_POINT_GROUP
from voxport.providers.registry import Registry, open_provider

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "voxport-hum"
SETUP = ProviderConfig("test", max_text_length=5_000, sample_min_seconds=3, sample_max_seconds=60)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what pip would install of the example. The metadata is written here from its pyproject.toml,
    because a build needs hatchling, which is not among the pinned requirements."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(EXAMPLE / "src" / "voxport_hum", folder / "voxport_hum")
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text("utf-8"))["project"]
    info = folder / f"voxport_hum-{project['version']}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(metadata, "utf-8")
    (info / "entry_points.txt").write_text(entry_points_file(project["entry-points"]), "utf-8")
    return folder


def entry_points_file(groups: Mapping[str, Mapping[str, str]]) -> str:
    return "\n".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in groups.items()
    )


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the folder's packages and the installed ones."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    environment["PYTHONPATH"] = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_the_example_passes_the_whole_conformance_suite(installed: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    suite = ["-m", "pytest", "--pyargs", "voxport.testing.conformance", "--provider", "hum"]
    result = run(installed, *suite, "-q", "-p", "no:cacheprovider", f"--junitxml={report}")
    assert result.returncode == 0, result.stdout + result.stderr
    cases = list(ElementTree.parse(report).iter("testcase"))
    skipped = [skip for case in cases if (skip := case.find("skipped")) is not None]
    assert len(cases) - len(skipped) >= 30
    assert all(skip.get("message") for skip in skipped)


@pytest.mark.slow
def test_the_example_is_found_behind_voxport_s_own(installed: Path) -> None:
    result = run(installed, "-c", "from voxport.providers.names import provider_names; print(*provider_names())")
    assert result.stdout.split() == ["elevenlabs", "minimax", "local", "hum"], result.stderr


def test_a_provider_that_lacks_a_package_is_there_and_says_which(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "provider_that_lacks_one.py").write_text("import nobody_has_this\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("lacking", "provider_that_lacks_one:open_provider", ENTRY_POINT_GROUP)
    registry = Registry([open_provider("lacking", point, SETUP)], None)
    (listed,) = registry.all()
    assert listed.name == "lacking"
    assert "pip install nobody_has_this" in (listed.unavailable_reason() or "")
    with pytest.raises(ProviderUnavailable, match=r"lacking can't be used: .*pip install nobody_has_this"):
        registry.require_available("lacking")
