"""The two distributions: what is in them, whichever way they are built. `make try-package` installs and runs them."""

from __future__ import annotations

import email
import importlib.util
import json
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from email.message import Message
from pathlib import Path, PurePosixPath

import pytest

import voxport

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = {"voxport": ROOT, "voxport_client": ROOT / "clients" / "python"}
VENDOR = "voxport/studio/assets/vendor/"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="hatchling is missing: make deploy-setup"),
]


@dataclass(frozen=True)
class Built:
    wheel: Path
    sdist: Path
    wheel_of_sdist: Path

    def files(self) -> dict[str, int]:
        """The files of the wheel with their checksums."""
        return _checksums(self.wheel)

    def metadata(self) -> Message:
        with zipfile.ZipFile(self.wheel) as archive:
            (name,) = (one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
            return email.message_from_bytes(archive.read(name))


def _checksums(wheel: Path) -> dict[str, int]:
    with zipfile.ZipFile(wheel) as archive:
        return {one.filename: one.CRC for one in archive.infolist()}


def _build(project: Path, target: Path, *kinds: str) -> None:
    command = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--directory",
        str(target),
        *(f"--target={one}" for one in kinds),
    ]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module", params=PROJECTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def built(name: str, tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("dist")
    _build(PROJECTS[name], folder, "sdist", "wheel")
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    _build(source, folder / "again", "wheel")
    (again,) = (folder / "again").glob("*.whl")
    return Built(wheel, sdist, again)


def test_the_wheel_has_every_file_of_the_package_and_nothing_else(name: str, built: Built) -> None:
    source = PROJECTS[name] / "src"
    own = {
        path.relative_to(source).as_posix()
        for path in (source / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = {one for one in built.files() if ".dist-info/" not in one}
    assert packed == own
    assert f"{name}/py.typed" in packed


def test_the_source_distribution_gives_the_same_wheel(built: Built) -> None:
    assert _checksums(built.wheel_of_sdist) == built.files()


def test_the_source_distribution_has_no_tests_and_no_recordings(name: str, built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = [PurePosixPath(*PurePosixPath(one).parts[1:]) for one in archive.getnames()]
    assert {one.parts[0] for one in names if one.parts} <= {
        *("src", "docs", "LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "PKG-INFO", ".gitignore"),
    }
    sound = {str(one) for one in names if one.suffix in {".wav", ".mp3", ".flac", ".ogg", ".mp4", ".m4a", ".webm"}}
    # What the doubles of other services answer with: made by the engine.
    assert sound == ({"src/voxport/testing/doubles/speech.flac"} if name == "voxport" else set())


def test_the_version_stands_in_one_place(name: str, built: Built) -> None:
    assert built.metadata()["Version"] == voxport.__version__
    assert voxport.__version__ in built.wheel.name
    project = tomllib.loads((PROJECTS[name] / "pyproject.toml").read_text("utf-8"))
    assert project["project"]["dynamic"] == ["version"]
    path = PROJECTS[name] / project["tool"]["hatch"]["version"]["path"]
    assert path.resolve() == ROOT / "src" / "voxport" / "__init__.py"


def test_licences_are_told_and_lie_inside(name: str, built: Built) -> None:
    metadata = built.metadata()
    assert metadata["License-Expression"] == "Apache-2.0"
    told = metadata.get_all("License-File") or []
    inside = {one.partition(".dist-info/licenses/")[2] for one in built.files()} - {""}
    assert set(told) == inside
    assert "LICENSE" in inside
    if name == "voxport":
        assert "docs/licences.md" in inside
        assert len([one for one in inside if VENDOR in one]) == 5


def test_each_vendored_script_has_its_licence_beside_it() -> None:
    vendor = ROOT / "src" / VENDOR
    scripts = {path.name for path in vendor.glob("*.js")}
    listed = json.loads((vendor / "vendor.json").read_text("utf-8"))
    assert {one["file"] for one in listed} == scripts
    for one in listed:
        licence = vendor / f"LICENSE.{one['package'].lstrip('@').replace('/', '-')}.txt"
        assert len(licence.read_text("utf-8")) > 500, one["file"]


def test_what_the_gateway_reads_at_run_time_is_inside(name: str, built: Built) -> None:
    files = built.files()
    assert built.metadata()["Requires-Python"] == ">=3.11"
    if name != "voxport":
        return
    for needed in ("catalog.yaml", "studio/assets/index.html", "studio/assets/main.js", "web/icon.svg"):
        assert f"voxport/{needed}" in files, needed
    versions = {path.name for path in (ROOT / "src/voxport/migrations/versions").glob("v*.py")}
    assert versions
    assert all(f"voxport/migrations/versions/{one}" in files for one in versions)


def test_the_description_is_one_that_an_index_can_show(built: Built) -> None:
    metadata = built.metadata()
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert len(str(metadata.get_payload())) > 500
    assert metadata["Summary"]


def test_the_client_needs_httpx2_alone(name: str, built: Built) -> None:
    if name == "voxport_client":
        assert built.metadata().get_all("Requires-Dist") == ["httpx2<3,>=2.16"]
        assert built.wheel.stat().st_size < 200_000
    else:
        assert built.wheel.stat().st_size < 30_000_000


def test_the_tool_that_builds_is_pinned_alike() -> None:
    pins = {
        one
        for project in PROJECTS.values()
        for one in tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    }
    assert len(pins) == 1
    assert pins <= set((ROOT / "requirements" / "deploy.txt").read_text("utf-8").splitlines())
