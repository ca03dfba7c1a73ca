"""Renders the diagrams of docs/ for the help: pictures in docs/img/diagrams, named by their source.

    npm pack mermaid@11.17.2
    python scripts/render_diagrams.py mermaid-11.17.2.tgz

GitHub draws diagrams itself. The help must load nothing from elsewhere and run no library of 3.5 MB, so it shows
pictures. Their colours follow the reader's light or dark. Pictures of diagrams that are gone are removed.
Needs Chromium.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from help_site.markdown import DIAGRAMS, diagram_name, diagrams

DOCS = Path(__file__).resolve().parent.parent / "docs"
SHA256 = "581ed7d74bd9048d0e3a91363927d72ef22942d7722546b27f7cc29e35390eb8"
SCRIPT = "package/dist/mermaid.min.js"

# A colour that the library is given, the light and the dark colour that are shown.
COLOURS = {
    "#fefdfc": ("#ffffff", "#1d2026"),  # boxes
    "#1a1b1c": ("#1c1d21", "#eceae5"),  # text
    "#0a6b5c": ("#0b6e5f", "#5cc9b3"),  # borders of boxes
    "#5a5b5c": ("#5d606b", "#a3a7b3"),  # lines
    "#efeeed": ("#efede8", "#22262d"),  # groups
    "#dadbdc": ("#dcdad3", "#31353e"),  # borders of groups
}
BOX, TEXT, BORDER, LINE, GROUP, GROUP_BORDER = COLOURS
VARIABLES = {
    **dict.fromkeys(("primaryColor", "mainBkg", "secondaryColor", "nodeBkg"), BOX),
    **dict.fromkeys(("primaryTextColor", "textColor", "nodeTextColor", "titleColor", "secondaryTextColor"), TEXT),
    **dict.fromkeys(("primaryBorderColor", "nodeBorder", "secondaryBorderColor"), BORDER),
    **dict.fromkeys(("lineColor", "defaultLinkColor", "arrowheadColor"), LINE),
    **dict.fromkeys(("clusterBkg", "tertiaryColor", "edgeLabelBackground"), GROUP),
    **dict.fromkeys(("clusterBorder", "tertiaryBorderColor"), GROUP_BORDER),
    "fontFamily": "system-ui, sans-serif",
    "fontSize": "15px",
}


def main() -> None:
    with tarfile.open(sys.argv[1]) as package:
        member = package.extractfile(SCRIPT)
        assert member is not None
        script = member.read()
    assert hashlib.sha256(script).hexdigest() == SHA256, "another version of mermaid"
    sources = [source for page in sorted(DOCS.rglob("*.md")) for source in diagrams(page.read_text("utf-8"))]
    target = DOCS / DIAGRAMS
    target.mkdir(exist_ok=True)
    for source in sources:
        svg = render(source, script.decode())
        (target / diagram_name(source)).write_text(with_both_palettes(svg) + "\n", "utf-8")
    for path in target.glob("*.svg"):
        if path.name not in map(diagram_name, sources):
            path.unlink()


def render(source: str, script: str) -> str:
    """Return the picture that the library draws in a browser."""
    options = {"startOnLoad": False, "theme": "base", "themeVariables": VARIABLES, "htmlLabels": False}
    options["flowchart"] = {"htmlLabels": False}
    page = f"""<!doctype html><meta charset="utf-8"><body><script>{script}</script><script>
        mermaid.initialize({json.dumps(options)});
        mermaid.render("diagram", {json.dumps(source)}).then((drawn) => {{ document.body.innerHTML = drawn.svg; }});
        </script></body>"""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    assert browser is not None, "no Chromium here"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(page, "utf-8")
        command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile"]
        command += ["--virtual-time-budget=20000", "--dump-dom", path.as_uri()]
        shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    drawn = re.search(r"<body>(<svg.*</svg>)", shown, re.DOTALL)
    assert drawn is not None, f"not drawn: {source}"
    return drawn[1]


def with_both_palettes(svg: str) -> str:
    """Put variables in place of the colours that were given, and their values for light and dark in front."""
    for index, colour in enumerate(COLOURS):
        svg = re.sub(re.escape(colour), f"var(--c{index})", svg, flags=re.IGNORECASE)
    light = "".join(f"--c{index}:{colours[0]};" for index, colours in enumerate(COLOURS.values()))
    dark = "".join(f"--c{index}:{colours[1]};" for index, colours in enumerate(COLOURS.values()))
    style = f"<style>svg{{{light}}}@media (prefers-color-scheme:dark){{svg{{{dark}}}}}</style>"
    width, height = re.search(r'viewBox="[-\d.]+ [-\d.]+ ([\d.]+) ([\d.]+)"', svg).groups()  # type: ignore[union-attr]
    svg = re.sub(r'<svg([^>]*?) width="100%"', rf'<svg\1 width="{width}" height="{height}"', svg, count=1)
    return re.sub(r"(<svg[^>]*>)", rf"\1{style}", svg, count=1)


if __name__ == "__main__":
    main()
