"""Draws docs/img/prices.svg: what clips cost as instant clones and in a persistent voice, by the catalogue's prices.

python scripts/plot_prices.py
"""

from __future__ import annotations

from pathlib import Path

from voxport.catalog import load_catalog

TARGET = Path(__file__).resolve().parent.parent / "docs" / "img" / "prices.svg"
WIDTH, HEIGHT, LEFT, BOTTOM, RIGHT, TOP = 620, 300, 44, 40, 190, 14
MAX_CLIPS, MAX_TOKENS = 10, 20
CLIP_SECONDS = (10, 60, 120)
STYLE = (
    "svg{--ink:#1c1d21;--faint:#5d606b;--line:#dcdad3;--a:#a5271c;--b:#0b6e5f}"
    "@media (prefers-color-scheme:dark){svg{--ink:#eceae5;--faint:#a3a7b3;--line:#31353e;--a:#ff9a8d;--b:#5cc9b3}}"
    "text{font:13px system-ui,sans-serif;fill:var(--faint)}path{fill:none;stroke-width:2}"
    ".g{stroke:var(--line);stroke-width:1}"
    ".a{stroke:var(--a)}.b{stroke:var(--b)}.s1{stroke-dasharray:7 4}.s2{stroke-dasharray:2 4}.t{fill:var(--ink)}"
)


def main() -> None:
    catalog = load_catalog()
    clone, second, instant = (
        float(catalog.price(service)) for service in ("core-voice-clone", "core-tts", "core-instant-clone-tts")
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">',
        f"<style>{STYLE}</style>",
    ]
    for tokens in range(0, MAX_TOKENS + 1, 5):
        parts.append(f'<path class="g" d="M{x(0):.0f} {y(tokens):.1f}H{x(MAX_CLIPS):.0f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(tokens) + 4:.1f}" text-anchor="end">{tokens}</text>')
    for clips in range(0, MAX_CLIPS + 1, 2):
        parts.append(f'<text x="{x(clips):.0f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{clips}</text>')
    parts.append(f'<text x="{x(MAX_CLIPS / 2):.0f}" y="{HEIGHT - 3}" text-anchor="middle">clips</text>')
    parts.append(line("a", 0, instant, "instant: any length"))
    for number, seconds in enumerate(CLIP_SECONDS):
        parts.append(line(f"b s{number}", clone, second * seconds, f"persistent: {seconds} s each"))
    TARGET.write_text("".join(parts) + f'<text x="{LEFT}" y="{TOP - 3}">tokens</text></svg>\n', "utf-8")


def line(kind: str, fixed: float, each: float, label: str) -> str:
    """Return the line of a price: `fixed` tokens, and `each` for a clip."""
    end = min(MAX_CLIPS, (MAX_TOKENS - fixed) / each)
    path = f'<path class="{kind}" d="M{x(0):.1f} {y(fixed):.1f}L{x(end):.1f} {y(fixed + each * end):.1f}"/>'
    return f'{path}<text class="t" x="{x(end) + 8:.1f}" y="{y(fixed + each * end) + 4:.1f}">{label}</text>'


def x(clips: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * clips / MAX_CLIPS


def y(tokens: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * tokens / MAX_TOKENS


if __name__ == "__main__":
    main()
