"""Every fenced block of README and docs runs as it stands, or says in a comment before it why not (decision 0116)."""

from __future__ import annotations

import json
import re
import shutil
import socket
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from help_site.markdown import DIAGRAMS, diagram_name
from tests.docs.snippets import DRAWN, OUTPUT, PARSED, ROOT, RUN, counts, fences, pages, pages_with, snippets
from tests.docs.stage import DocumentedProvider, Stage, running_fork_server
from tests.support.client import GatewayClient, open_client, settings_for
from tests.support.fake_provider import AcceptingSamples
from tests.support.server import serving_on
from tests.support.working import working
from voxport.gateway import open_gateway

pytestmark = pytest.mark.slow
MAX_NOT_RUN = 20


@pytest.fixture(scope="module")
def shared_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GatewayClient, str, Path]]:
    """A gateway over HTTP with a double in place of the engine, and the process that runs commands."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = settings_for(tmp_path_factory.mktemp("snippets") / "data", public_url=url)
    gateway = open_gateway(settings, providers=[DocumentedProvider()], samples=AcceptingSamples)
    customer = open_client(gateway)
    with tempfile.TemporaryDirectory() as folder:  # a socket's path has to be short
        path = Path(folder) / "socket"
        with serving_on(listener, customer), running_fork_server(path):
            yield customer, url, path
    gateway.close()


@pytest.fixture
def stage(
    shared_stage: tuple[GatewayClient, str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """A new customer of that gateway, in an empty folder with recordings."""
    first, url, path = shared_stage
    opened = Stage(first.another_customer("1000"), url, tmp_path, path)
    opened.write_files()
    for name, value in opened.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    with working(opened.customer):
        yield opened


@pytest.mark.parametrize("page", pages_with({"bash", "console"}))
def test_the_commands_of_a_page_run_one_after_another(stage: Stage, page: str) -> None:
    if shutil.which("jq") is None or shutil.which("curl") is None:
        pytest.skip("no jq or no curl here")
    stage.run_shell([one for one in snippets(page) if one.language in ("bash", "console") and one.reason is None])
    assert stage.customer.balance()["held"] == 0


@pytest.mark.parametrize("page", pages_with({"python"}))
def test_the_python_of_a_page_runs_one_after_another(stage: Stage, page: str) -> None:
    stage.run_python([one for one in snippets(page) if one.language == "python" and one.reason is None])
    assert stage.customer.balance()["held"] == 0


@pytest.mark.parametrize("page", pages_with(PARSED))
def test_the_data_of_a_page_can_be_read(page: str) -> None:
    known = set(re.findall(r"`(VOXPORT_\w+)`", (ROOT / "docs" / "settings.md").read_text("utf-8")))
    for one in snippets(page):
        if one.reason is not None:
            continue
        if one.language == "json":
            json.loads(one.code)
        elif one.language == "toml":
            tomllib.loads(one.code)
        elif one.language == "yaml":
            assert yaml.safe_load(one.code) is not None
        elif one.language == "ini":
            names = [line.partition("=")[0] for line in one.code.splitlines() if line.strip()]
            assert set(names) <= known, f"{one}: no settings of these names"


def test_every_diagram_has_its_picture() -> None:
    for page in pages_with(DRAWN):
        for one in snippets(page):
            if one.language == "mermaid" and page.startswith("docs/"):
                assert (ROOT / "docs" / DIAGRAMS / diagram_name(one.code)).exists(), (
                    f"{one}: scripts/render_diagrams.py"
                )


def test_every_block_has_a_language_of_which_something_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    for page in pages():
        found = snippets(page)
        assert fences(page) == 2 * len(found), f"{page} has a block that is not seen"
        for one in found:
            assert one.language in RUN | PARSED | DRAWN | OUTPUT or one.reason, f"{one}: nothing is done with it"
            assert one.reason is None or len(one.reason) > 10, f"{one}: why?"
    done = counts()
    with capsys.disabled():
        print(f"\nsnippets: {', '.join(f'{number} {kind}' for kind, number in done.most_common())}")
    assert done["not run"] <= MAX_NOT_RUN


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("```bash\nfalse\ntrue\n```\n", "ended with 1"),
        ("```bash\ncurl -sS --fail-with-body $API/v1/nothing | cat\n```\n", "not_found"),
        ("```console\n$ voxport no-such-command\n```\n", "No such command"),
        ("```console\n$ voxport serve --no-such-option\n```\n", "No such option"),
        ("```console\n$ make no-such-target\n```\n", "No rule to make target"),
        ("```console\n$ pip install 'voxport[no-such-extra]'\n```\n", "there is no voxport"),
        ("```console\n$ useradd voxport\n```\n", "would change the machine"),
        ("```bash\necho > /etc/voxport.env\n```\n", "would change the machine"),
        ("```bash\necho $NEVER_SET\n```\n", "unbound variable"),
    ],
)
def test_a_snippet_that_fails_is_seen(stage: Stage, written: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.docs.snippets.ROOT", stage.folder)
    (stage.folder / "page.md").write_text(written)
    with pytest.raises(AssertionError, match=said) as failed:
        stage.run_shell(snippets("page.md"))
    assert "page.md" in str(failed.value)


def test_an_error_of_python_names_the_line_of_the_page(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.docs.snippets.ROOT", stage.folder)
    (stage.folder / "page.md").write_text("# A page\n\n```python\nx = 1\nx.no_such_name\n```\n")
    with pytest.raises(AttributeError) as failed:
        stage.run_python(snippets("page.md"))
    assert (failed.traceback[-1].path, failed.traceback[-1].lineno) == (Path.cwd() / "page.md", 4)


def test_the_output_of_a_console_is_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tests.docs.snippets.ROOT", tmp_path)
    (tmp_path / "page.md").write_text("```console\n$ one \\\n    two\nits output\n# a remark\n$ three\n```\n")
    assert snippets("page.md")[0].commands() == "one \\\n    two\nthree\n"


def test_a_mark_says_why_a_block_is_not_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tests.docs.snippets.ROOT", tmp_path)
    (tmp_path / "page.md").write_text("<!-- not run: needs Kubernetes -->\n```console\n$ x\n```\n\n```text\ny\n```\n")
    assert [(one.line, one.reason) for one in snippets("page.md")] == [(2, "needs Kubernetes"), (6, None)]
