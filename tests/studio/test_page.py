"""The page: what it may load, how it is cached, how large it is, and that every file of it is accounted for."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest

from tests.conftest import MakeClient
from tests.support.client import PUBLIC_URL, GatewayClient, error_of
from voxport.studio import page as studio_page

ASSETS = Path(studio_page.__file__).parent / "assets"
VENDOR = ASSETS / "vendor"
DOCS = Path(__file__).resolve().parents[2] / "docs"
MAX_COMPRESSED_BYTES = 120_000
GZIP = {"Accept-Encoding": "gzip, deflate, br"}
SCRIPTS = sorted(path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*.js"))
OWN_SCRIPTS = [name for name in SCRIPTS if not name.startswith("vendor/")]


@pytest.fixture(scope="module")
def page(shared: GatewayClient) -> str:
    answer = shared.http.get("/studio")
    assert answer.status_code == 200
    return answer.text


@pytest.fixture(scope="module")
def root(page: str) -> str:
    found = re.search(r'src="(studio/[0-9a-f]{16})/main.js"', page)
    assert found is not None
    return f"/{found[1]}"


def test_a_browser_that_opens_the_gateway_is_led_to_the_studio(client: GatewayClient) -> None:
    answer = client.http.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["Location"], answer.headers["Vary"]) == (303, "/studio", "Accept")


@pytest.mark.folder_only("on S3 the policy names the storage too, as the next test shows")
def test_the_page_may_run_and_load_nothing_but_its_own_files(client: GatewayClient, page: str) -> None:
    headers = client.http.get("/studio").headers
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "microphone=(self)" in headers["Permissions-Policy"]
    assert re.search(r"<script(?![^>]*\ssrc=)", page) is None
    assert "<style" not in page
    assert re.search(r"\s(style|on\w+)=", page) is None


def test_the_storage_of_files_is_the_one_other_host_that_the_page_may_reach(on_s3: GatewayClient) -> None:
    policy = on_s3.http.get("/studio").headers["Content-Security-Policy"]
    origin = on_s3.gateway.settings.s3_endpoint_url
    assert origin is not None
    assert f"connect-src 'self' {origin};" in policy
    assert f"media-src 'self' blob: {origin};" in policy
    assert policy.count(origin) == 2


def test_links_and_files_of_the_page_are_there(client: GatewayClient, page: str) -> None:
    links = set(re.findall(r'(?:src|href)="([^"]+)"', page))
    assert {"docs", "openapi.json", "healthz", "readyz", "favicon.ico"} <= links
    for link in links - {"readyz"}:  # a GET of it starts the engine
        assert client.http.get(f"/{link}").status_code == 200, link


def test_the_page_works_under_a_path_because_its_links_are_relative(make_client: MakeClient) -> None:
    client = make_client(public_url="https://example.com/it's/%22%3E<b>")
    page = client.http.get("/studio").text
    assert "<b>" not in page
    assert re.findall(r'(?:src|href)="(/[^"]*)"', page) == []
    home = client.http.get("/", headers={"Accept": "text/html"})
    assert home.headers["Location"] == "/it%27s/%22%3E%3Cb%3E/studio"


def test_files_are_kept_for_ever_under_an_address_that_changes_with_them(client: GatewayClient, root: str) -> None:
    answer = client.http.get(f"{root}/main.js", headers=GZIP)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    plain = client.http.get(f"{root}/main.js", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert plain.text == answer.text == (ASSETS / "main.js").read_text("utf-8")
    assert plain.headers["ETag"] != answer.headers["ETag"]
    again = client.http.get(f"{root}/main.js", headers={**GZIP, "If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_page_itself_is_asked_for_again_each_time(client: GatewayClient) -> None:
    answer = client.http.get("/studio", headers=GZIP)
    assert answer.headers["Cache-Control"] == "no-cache"
    again = client.http.get("/studio", headers={**GZIP, "If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("encoding", ["gzip;q=0", "identity", "", "gzip;q=0.0, br"])
def test_a_client_that_takes_no_gzip_gets_none(client: GatewayClient, encoding: str) -> None:
    assert "Content-Encoding" not in client.http.get("/studio", headers={"Accept-Encoding": encoding}).headers


@pytest.mark.parametrize(
    "path", ["0" * 16 + "/main.js", "{root}/../page.py", "{root}/index.html", "{root}/nothing.js", "{root}/screens"]
)
def test_other_versions_and_other_files_are_not_there(client: GatewayClient, root: str, path: str) -> None:
    asked = path.replace("{root}", root.removeprefix("/studio/"))
    answer = client.http.get("/studio/" + asked.replace("..", "%2e%2e"))
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "not_found"


def test_all_that_the_studio_can_load_is_small() -> None:
    sizes = {name: len(asset.compressed) for name, asset in studio_page.assets().items() if name[-3:] in (".js", "css")}
    assert sum(sizes.values()) + len(studio_page.page(PUBLIC_URL).compressed) < MAX_COMPRESSED_BYTES, sizes
    assert all(gzip.decompress(asset.compressed) == asset.content for asset in studio_page.assets().values())


def test_every_file_of_another_project_has_its_hash_version_and_licence() -> None:
    rows = json.loads((VENDOR / "vendor.json").read_text("utf-8"))
    licences = (DOCS / "licences.md").read_text("utf-8")
    assert {row["file"] for row in rows} == {path.name for path in VENDOR.glob("*.js")}
    for row in rows:
        assert hashlib.sha256((VENDOR / row["file"]).read_bytes()).hexdigest() == row["sha256"], row["file"]
        assert f"| `{row['package']}` {row['version']} |" in licences
        assert row["sha256"] in licences
        licence = VENDOR / f"LICENSE.{row['package'].removeprefix('@').replace('/', '-')}.txt"
        assert licence.stat().st_size > 500


@pytest.mark.parametrize("name", SCRIPTS)
def test_modules_import_only_modules_that_are_there(name: str) -> None:
    source = (ASSETS / name).read_text("utf-8")
    imports = re.findall(r'(?:from\s*|import\s*\(?\s*)"([^"]+)"', source)
    for target in imports:
        assert target.startswith("."), f"{name} imports {target}, which needs an import map"
        assert ((ASSETS / name).parent / target).resolve().is_file(), f"{name} imports {target}"


@pytest.mark.parametrize("name", OWN_SCRIPTS)
def test_our_modules_name_no_other_host_and_write_no_markup(name: str) -> None:
    source = (ASSETS / name).read_text("utf-8")
    assert "https://" not in source
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage", source)


def test_every_text_that_a_module_shows_stands_in_the_file_of_strings() -> None:
    files = (ASSETS / "strings.en.js", ASSETS / "screens/script/strings.en.js")
    strings = "".join(file.read_text("utf-8") for file in files)
    sections = {
        section: set(re.findall(r"^    (\w+):", content, re.MULTILINE))
        for section, content in re.findall(r"^  (\w+): \{\n(.*?)^  \},", strings, re.MULTILINE | re.DOTALL)
    }
    assert len(sections) > 8
    screens = {"speak", "script", "clone", "design", "library", "jobs", "usage", "keys", "operator"}
    used = {"menu": screens}  # by the screen's name
    for name in OWN_SCRIPTS:
        for section, key in re.findall(r"\bt\.(\w+)\.(\w+)", (ASSETS / name).read_text("utf-8")):
            assert key in sections[section], f"{name}: t.{section}.{key}"
            used.setdefault(section, set()).add(key)
    unused = {section: keys - used[section] for section, keys in sections.items() if keys - used[section]}
    assert unused == {}
