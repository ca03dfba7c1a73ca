"""Builds the documentation that the gateway serves at /help, from docs/ and the code, into src/voxport/help/site.

Fails where a link is broken, a page is in no menu, or something would be loaded from another host; the site that was
there stays then. It reaches no network. `python scripts/build_help.py [FOLDER]`
"""

from __future__ import annotations

import logging
import shutil
import sys
import tempfile
import zlib
from pathlib import Path

from help_site.checks import problems

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "src" / "voxport" / "help" / "site"


def build_site(folder: Path) -> None:
    """Build into a new folder. Raises SystemExit with what is wrong."""
    from properdocs.commands.build import build
    from properdocs.config import load_config

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    config = load_config(config_file=str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True)
    config.plugins.on_startup(command="build", dirty=False)
    build(config)
    if found := problems(folder):
        sys.exit("\n".join(found))


def main() -> None:
    site = Path(sys.argv[1]).absolute() if len(sys.argv) > 1 else SITE
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "site"
        build_site(built)
        if site.exists():
            shutil.rmtree(site)
        shutil.copytree(built, site)
    files = [path for path in site.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    packed = sum(len(zlib.compress(path.read_bytes(), 6)) for path in files)
    print(f"{site}: {len(files)} files, {size / 1e6:.1f} MB, {packed / 1e6:.1f} MB in a wheel")


if __name__ == "__main__":
    main()
