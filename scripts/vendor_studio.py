"""Takes the Studio's libraries out of their npm packages: `src/voxport/studio/assets/vendor/`.

    npm pack preact@11.2.0 htm@3.1.1 @preact/signals@2.11.4 @preact/signals-core@1.14.5 wavesurfer.js@8.0.1
    python scripts/vendor_studio.py FOLDER_OF_THE_PACKAGES

Each package is checked against the integrity that the registry gives. Three things are changed, so that the page needs
no import map, no inline style and no request for a source map: bare imports become relative ones, wavesurfer's style
element is left out (`waveform.js` adopts the same rules as a style sheet), and the comment that names the source map is
dropped. `vendor.json` lists the files with versions, licences and hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

TARGET = Path(__file__).parents[1] / "src/voxport/studio/assets/vendor"


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    licence: str
    integrity: str
    """Of the package's file: SHA-512 in base 64."""

    files: dict[str, str]
    """Path in the package by the name under `vendor/`."""

    @property
    def file_name(self) -> str:
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


PACKAGES = (
    Package(
        *("preact", "11.2.0", "MIT"),
        "/HfHI/7N84e6GrWBJ3J280z3mLaRJiDcSvj/A+y/4AbLnND/1UlGHe1sR6oYuTGwId0nP7dqDU9OnLxMPZ7xBg==",
        {"preact.js": "dist/preact.mjs", "preact-hooks.js": "hooks/dist/hooks.mjs"},
    ),
    Package(
        *("htm", "3.1.1", "Apache-2.0"),
        "983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ==",
        {"htm.js": "dist/htm.module.js"},
    ),
    Package(
        *("@preact/signals", "2.11.4", "MIT"),
        "Rb+5RPo9gWSaHtzJeauhHxiC8KP/IF2DEPkHPEOGOnuy2wnJzRqyeLRankUCYd6ADqtxS6GnWGv6Ie343d8aYw==",
        {"signals.js": "dist/signals.mjs"},
    ),
    Package(
        *("@preact/signals-core", "1.14.5", "MIT"),
        "vcRv7Ityz5JVmeiVqIluLFzT/PDS/AlhHUpw3/aUWqcVUs6bDGIPXE/6RSC4evBNWYvnniozg5Syfj33al3gkg==",
        {"signals-core.js": "dist/signals-core.mjs"},
    ),
    Package(
        *("wavesurfer.js", "8.0.1", "BSD-3-Clause"),
        "h0OnRWSVTqIYLSw3/IVrBtsun/xw9L5u4FA3bjfSDTFMX/xswVWS1JwK4fFu3ulmxRUSHg8zQORl6zENG983eg==",
        {"wavesurfer.js": "dist/wavesurfer.esm.js", "wavesurfer-record.js": "dist/plugins/record.esm.js"},
    ),
)
IMPORTS = {
    "preact": "./preact.js",
    "preact/hooks": "./preact-hooks.js",
    "@preact/signals-core": "./signals-core.js",
}
_SOURCE_MAP = re.compile(rb"\n//# sourceMappingURL=\S+\s*\Z")
_INLINE_STYLE = re.compile(rb"<style\$\{i\?.*?</style>\\n", re.DOTALL)


def main(folder: Path) -> None:
    TARGET.mkdir(parents=True, exist_ok=True)
    rows = []
    for package in PACKAGES:
        packed = (folder / package.file_name).read_bytes()
        if base64.b64encode(hashlib.sha512(packed).digest()).decode() != package.integrity:
            raise SystemExit(f"{package.file_name} is not the file that the registry lists")
        with tarfile.open(folder / package.file_name) as archive:
            licence = _read(archive, "LICENSE")
            (TARGET / f"LICENSE.{package.name.removeprefix('@').replace('/', '-')}.txt").write_bytes(licence)
            for name, path in package.files.items():
                content = _changed(name, _read(archive, path))
                (TARGET / name).write_bytes(content)
                rows.append(
                    {
                        "file": name,
                        "package": package.name,
                        "version": package.version,
                        "licence": package.licence,
                        "path": path,
                        "package_sha512": package.integrity,
                        "sha256": hashlib.sha256(content).hexdigest(),
                    }
                )
    (TARGET / "vendor.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _read(archive: tarfile.TarFile, path: str) -> bytes:
    file = archive.extractfile(f"package/{path}")
    assert file is not None
    return file.read()


def _changed(name: str, content: bytes) -> bytes:
    content = _SOURCE_MAP.sub(b"\n", content)
    for bare, relative in IMPORTS.items():
        content = content.replace(f'from"{bare}"'.encode(), f'from"{relative}"'.encode())
    if name == "wavesurfer.js":
        content, count = _INLINE_STYLE.subn(b"", content)
        if count != 1:
            raise SystemExit("wavesurfer.js has no style element where it was: look at the new version")
    if re.search(rb'(from|import\()"[^".]', content):
        raise SystemExit(f"{name} imports something else")
    return content


if __name__ == "__main__":
    main(Path(sys.argv[1]))
