"""The documentation as a site: how it is built, what it loads, and how the gateway serves it."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from help_site.checks import problems, read_page
from tests.conftest import MakeClient
from tests.support.client import GatewayClient
from tests.support.server import serving
from voxport.help import site_files

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
MAX_PACKED_BYTES = 3_000_000


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as it is built from this checkout, strictly: a broken link or a page in no menu fails here."""
    pytest.importorskip("properdocs", reason="make docs installs what builds the site")
    from build_help import build_site

    folder = tmp_path_factory.mktemp("help") / "site"
    build_site(folder)
    return folder


@pytest.fixture
def served(site: Path, client: GatewayClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayClient]:
    monkeypatch.setattr(site_files, "site_folder", lambda: site)
    site_files.forget_files()
    yield client
    site_files.forget_files()


@pytest.fixture
def unbuilt(client: GatewayClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayClient]:
    monkeypatch.setattr(site_files, "site_folder", lambda: tmp_path / "site")
    site_files.forget_files()
    yield client
    site_files.forget_files()


def test_every_operation_of_the_api_is_in_the_reference(site: Path, client: GatewayClient) -> None:
    for path, methods in client.http.get("/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            page = (site / "reference" / f"{operation['tags'][0]}.md").read_text("utf-8")
            section = page.partition(f"## {operation['summary']}\n")[2].partition("\n## ")[0]
            assert f"`{method.upper()} {path}`" in section, path
            assert "**Example**" in section
            assert "**Errors**" in section
            for parameter in operation.get("parameters", []):
                assert f"| `{parameter['name']}` |" in section


def test_the_client_reference_has_every_public_method(site: Path) -> None:
    page = (site / "reference" / "client.md").read_text("utf-8")
    for name in ("client.speak", "client.voices.clone", "client.admin.profiles", "job.wait", "stream.read"):
        assert f"### {name}\n" in page, name
    assert ": '" not in page, "an annotation is a string"


def test_every_page_has_a_twin_in_markdown_and_llms_txt_lists_the_menu(site: Path) -> None:
    for path in site.rglob("index.html"):
        link = re.search(r'type="text/markdown" href="([^"]+)"', path.read_text("utf-8"))
        assert link is not None
        twin = (path.parent / link[1]).resolve()
        assert twin.read_text("utf-8").startswith("# "), twin
    listed = re.findall(r"^- \[.+\]\(([^)]+\.md)\): .{30}", (site / "llms.txt").read_text("utf-8"), re.MULTILINE)
    menu = re.findall(r": ([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert listed == [path for path in menu if path not in ("index.md", "decisions/0*.md")]


def test_the_search_finds_sections_by_their_addresses(site: Path) -> None:
    rows = json.loads((site / "search.json").read_text("utf-8"))
    pages = {
        path.relative_to(site).parent.as_posix(): read_page(path.read_text("utf-8")) for path in site.rglob("*.html")
    }
    assert len(rows) > 500
    for _, title, path, _ in rows:
        folder, _, anchor = path.partition("#")
        assert title
        assert not anchor or anchor in pages[folder.rstrip("/") or "."].anchors, path


@pytest.mark.parametrize(
    ("markup", "said"),
    [
        ('<script src="https://cdn.example/x.js"></script>', "loads https://cdn.example/x.js"),
        ('<img src="//cdn.example/x.png">', "loads //cdn.example/x.png"),
        ('<link rel="stylesheet" href="http://fonts.example/f.css">', "loads http://fonts.example/f.css"),
        ('<script src="gone.js"></script>', "loads gone.js, which is not there"),
        ("<script>alert()</script>", "inline <script>"),
        ('<p style="color: red">', "inline style= of <p>"),
        ('<p onclick="x()">', "inline onclick= of <p>"),
        ('<a href="gone/">', "gone/ leads nowhere"),
        ('<a href="#gone">', "#gone leads to no heading"),
        ('<a href="/help/">', "/help/ is not relative: the gateway may stand under a path"),
        ('<a href="javascript:x()">', "javascript:x() is no address"),
        ('<a href="https:///x">', "https:///x is no address"),
    ],
)
def test_the_checks_find_what_is_broken_or_foreign(tmp_path: Path, markup: str, said: str) -> None:
    (tmp_path / "index.html").write_text(f'<a href="https://example.com/x">fine</a>{markup}')
    assert problems(tmp_path) == [f"index.html: {said}"]


@pytest.mark.parametrize("css", ["@import 'https://fonts.example/f'", "p{background:url(//x.example/y)}"])
def test_the_checks_look_into_style_sheets(tmp_path: Path, css: str) -> None:
    (tmp_path / "help.css").write_text(css)
    assert len(problems(tmp_path)) == 1


def test_every_link_of_the_built_site_leads_somewhere_and_nothing_comes_from_another_host(site: Path) -> None:
    assert problems(site) == []


def test_the_site_makes_the_wheel_only_a_little_larger(site: Path) -> None:
    packed = shutil.make_archive(str(site.parent / "packed"), "zip", site)
    assert Path(packed).stat().st_size < MAX_PACKED_BYTES


def test_the_wheel_takes_the_site_although_git_does_not() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    assert build["artifacts"] == ["src/voxport/help/site/**"]
    assert "/src/voxport/help/site/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()


def test_pages_are_served_with_the_policy_of_the_studio(served: GatewayClient) -> None:
    answer = served.http.get("/help/", headers=BROWSER)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("api/", "text/html; charset=utf-8"),
        ("reference/speech/", "text/html; charset=utf-8"),
        ("api.md", "text/markdown; charset=utf-8"),
        ("llms.txt", "text/plain; charset=utf-8"),
        ("search.json", "application/json"),
        ("assets/help.css", "text/css; charset=utf-8"),
        ("assets/help.js", "text/javascript; charset=utf-8"),
        ("img/fit.png", "image/png"),
    ],
)
def test_files_have_their_types_and_are_sent_once(served: GatewayClient, path: str, kind: str) -> None:
    answer = served.http.get(f"/help/{path}", headers={"Accept-Encoding": "gzip"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, kind)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Cache-Control"] == "no-cache"
    again = served.http.get(
        f"/help/{path}", headers={"Accept-Encoding": "gzip", "If-None-Match": answer.headers["ETag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    head = served.http.head(f"/help/{path}")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize("path", ["", "/api", "/reference/speech"])
def test_an_address_without_its_slash_leads_to_the_page(served: GatewayClient, path: str) -> None:
    answer = served.http.get(f"/help{path}", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.headers["Location"]) == (307, f"/help{path}/")


@pytest.mark.usefixtures("served")
def test_under_a_path_of_a_proxy_the_pages_are_the_same(make_client: MakeClient) -> None:
    client = make_client(public_url="https://example.com/voice")
    assert client.http.get("/voice/help/api").headers["Location"] == "/voice/help/api/"
    for prefix in ("", "/voice"):
        page = read_page(client.http.get(f"{prefix}/help/api/").text)
        assert [link for link in page.links + page.loads if link.startswith("/")] == []


@pytest.mark.parametrize(
    "path",
    [
        *(
            "gone",
            "gone/",
            "api/gone.html",
            "../site_files.py",
            "%2e%2e/site_files.py",
            "..%2f..%2fapp.py",
            "/etc/passwd",
        ),
        *("..\\site_files.py", "img", "index.html/", "api//", "site.py", "é", "." * 300),
    ],
)
def test_what_is_not_in_the_site_is_not_there(served: GatewayClient, path: str) -> None:
    quoted = path.replace("..", "%2e%2e")
    as_page = served.http.get(f"/help/{quoted}", headers=BROWSER)
    assert as_page.status_code == 404
    assert "There is no such page" in as_page.text
    assert "'self'" in as_page.headers["Content-Security-Policy"]
    as_json = served.http.get(f"/help/{quoted}", headers={"Accept": "application/json"})
    assert (as_json.status_code, as_json.json()["error"]["code"]) == (404, "not_found")


def test_the_page_of_a_wrong_address_leads_back_from_any_depth(served: GatewayClient) -> None:
    for path, root in {"gone": "./", "a/gone": "../", "a/b/gone/": "../../../"}.items():
        page = read_page(served.http.get(f"/help/{path}", headers=BROWSER).text)
        assert (page.links, page.loads) == ([root], [f"{root}assets/help.css"])


def test_a_checkout_without_the_site_says_how_to_build_it(unbuilt: GatewayClient) -> None:
    answer = unbuilt.http.get("/help/", headers=BROWSER)
    assert answer.status_code == 200
    assert "<code>make docs</code>" in answer.text
    assert unbuilt.http.get("/help/api/", headers=BROWSER).status_code == 404


@pytest.mark.parametrize("path", ["", "samples/", "reference/speech/", "architecture/", "gone"])
def test_a_browser_runs_the_pages_under_their_policy_without_an_error(
    served: GatewayClient, tmp_path: Path, path: str
) -> None:
    shown, logged = in_browser(served, path, tmp_path)
    assert logged == []
    assert 'class="search" role="search">' in shown or path == "gone", "the script has shown the search"


def test_the_search_finds_a_word_of_a_section_and_says_when_there_is_none(
    served: GatewayClient, tmp_path: Path
) -> None:
    shown, logged = in_browser(served, "samples/?q=idempotency+key", tmp_path / "found")
    assert logged == []
    assert re.search(r'<a href="http://127[^"]+/help/api/#sending-a-call-again"><strong>Using the API › ', shown)
    shown, logged = in_browser(served, "?q=<b>nothing</b>", tmp_path / "none")
    assert logged == []
    assert "Nothing has “&lt;b&gt;nothing&lt;/b&gt;” in it." in shown


def in_browser(served: GatewayClient, path: str, profile: Path) -> tuple[str, list[str]]:
    """Return a page as a browser has it after its scripts ran, and what the browser logged but the page's own 404."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here")
    command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom"]
    with serving(served) as port:
        url = f"http://127.0.0.1:{port}/help/{path}"
        done = subprocess.run([*command, url], capture_output=True, text=True, check=True, timeout=300)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line and "404" not in line]


def test_a_page_is_read_as_it_is() -> None:
    page = read_page('<h2 id="a">x</h2><a href="b/">c</a><img src="d.png"><link rel="canonical" href="e">')
    assert dataclasses.asdict(page) == {"anchors": {"a"}, "links": ["b/", "e"], "loads": ["d.png"], "inline": []}
