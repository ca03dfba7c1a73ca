"""Builds both packages, installs them in an empty environment outside the repository, and uses them as a user would.

    python scripts/try_packages.py [--sdist] [--extras fit,postgres,s3] [--folder FOLDER]

Prints what each step took and how large the packages are. Needs what pip needs to install Voxport.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECTS = (ROOT / "clients" / "python", ROOT)

SERVED = """
import re, sys, httpx2
url, key = sys.argv[1:]
with httpx2.Client(base_url=url) as http:
    page = http.get("/studio").text
    files = re.findall(r'(?:src|href)="(studio/[^"]+)"', page)
    assert len(files) > 5, page
    assert all(http.get("/" + one).status_code == 200 for one in files)
    for path in ("/docs", "/openapi.json", "/v1/proxy/core-tts-voices", "/v2/billing/balance"):
        answer = http.get(path, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 200, (path, answer.text)
print(f"the Studio's page with {len(files)} files, /docs, voices and balance")
"""
RUN = """
import subprocess, sys
from pathlib import Path
from voxport.testing.running_gateway import running_gateway
import voxport
assert "site-packages" in voxport.__file__, voxport.__file__
with running_gateway(Path("gateway")) as live:
    subprocess.run([sys.executable, "served.py", live.url, live.key], check=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sdist", action="store_true", help="install from the source distributions")
    parser.add_argument("--extras", default="fit,postgres,s3")
    parser.add_argument("--folder", type=Path, help="an empty folder, which is kept. Default: a temporary one")
    options = parser.parse_args()
    if options.folder is not None:
        options.folder.mkdir(parents=True)
        _try(options.folder.resolve(), options.extras, from_sdist=options.sdist)
    else:
        with tempfile.TemporaryDirectory(prefix="voxport-packages-") as folder:
            _try(Path(folder), options.extras, from_sdist=options.sdist)


def _try(folder: Path, extras: str, *, from_sdist: bool) -> None:
    dist, python = folder / "dist", folder / "env" / "bin" / "python"
    pin = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]

    def build() -> str:
        _make_env(folder / "build")
        _run(folder / "build/bin/python", "-m", "pip", "install", "--quiet", *pin, cwd=folder)
        for project in PROJECTS:
            _run(folder / "build/bin/python", "-m", "hatchling", "build", "--directory", dist, cwd=project)
        return ", ".join(f"{one.name} {one.stat().st_size / 1e6:.2f} MB" for one in sorted(dist.iterdir()))

    def install() -> str:
        _make_env(folder / "env")
        suffix = ".tar.gz" if from_sdist else "-py3-none-any.whl"
        (client,), (gateway,) = dist.glob(f"voxport_client-*{suffix}"), dist.glob(f"voxport-*{suffix}")
        wanted = f"{gateway}[{extras}]" if extras else str(gateway)
        _run(python, "-m", "pip", "install", "--quiet", client, wanted, cwd=folder)
        _run(python, "-m", "pip", "check", cwd=folder)
        size = sum(path.lstat().st_size for path in (folder / "env").rglob("*"))
        return f"{size / 1e6:,.0f} MB in the environment"

    def version() -> str:
        return _run(folder / "env/bin/voxport", "--version", cwd=folder).strip()

    def serve() -> str:
        (folder / "served.py").write_text(SERVED, "utf-8")
        return _run(python, "-c", RUN, cwd=folder).strip()

    def demo() -> str:
        _run(folder / "env/bin/voxport", "demo", cwd=folder)
        return ", ".join(f"{one.name} {one.stat().st_size:,} bytes" for one in sorted((folder / "out").iterdir()))

    for step in (build, install, version, serve, demo):
        _timed(step)


def _timed(step: Callable[[], str]) -> None:
    began = time.monotonic()
    result = step()
    print(f"{step.__name__:8} {time.monotonic() - began:6.1f} s  {result}", flush=True)


def _make_env(folder: Path) -> None:
    venv.create(folder, with_pip=True)


def _run(*command: str | Path, cwd: Path) -> str:
    """Run a command without the variables of this repository's environment. Returns its standard output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("VOXPORT_", "PYTHON", "VIRTUAL"))}
    done = subprocess.run([str(one) for one in command], cwd=cwd, env=kept, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
