"""Fetches every eighth URL of the hostile corpus with `fetch` and through the API: none reaches an internal host."""

from __future__ import annotations

from pathlib import Path

import pytest

import voxport.cloning.handler
from benchmarks.security.hostile_net import FakeInternet
from benchmarks.security.hostile_urls import Hostile, corpus
from benchmarks.security.ssrf import report, run


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortens the pauses between the tries of an interrupted download."""
    monkeypatch.setattr(voxport.cloning.handler, "_FETCH_RETRY_PAUSES", (0.01, 0.01))


@pytest.mark.slow
def test_no_hostile_url_is_let_through_or_told_why() -> None:
    figures = run(step=8)
    assert (figures.let_through, figures.how) == ([], [])
    assert figures.differing == []
    assert (figures.dialled_inside, figures.reached_inside) == (0, 0)
    assert set(figures.groups) > {one.group for one in corpus() if not one.url.startswith("https://secure.test")}
    assert figures.tried >= 80
    assert figures.slowest < 10
    assert report(figures).passed


def test_the_count_notices_what_gets_through() -> None:
    figures = run(
        [Hostile("named", "http://127.0.0.1/"), Hostile("by name", "http://loopback.test/a.wav")],
        private_hosts=frozenset({"127.0.0.1", "loopback.test"}),
    )
    assert figures.let_through == ["http://127.0.0.1/", "http://loopback.test/a.wav"]
    assert figures.dialled_inside == figures.reached_inside >= 2
    assert not figures.passed
    assert not report(figures).passed


def test_the_count_notices_an_answer_that_tells_more() -> None:
    figures = run([Hostile("large", "http://loopback.test/")], private_hosts=frozenset({"loopback.test"}), max_bytes=3)
    assert figures.differing == ["http://loopback.test/"], "too large: so there is something"
    assert not figures.passed


def test_the_resolver_answers_as_a_system_would(tmp_path: Path) -> None:
    internet = FakeInternet(tmp_path)
    assert internet.resolve("2130706433", 80) == ["127.0.0.1"]
    assert internet.resolve("169-254-169-254.sslip.io", 80) == ["169.254.169.254"]
    assert internet.resolve("7f000001.nip.io", 80) == ["127.0.0.1"]
    assert internet.resolve("LOCALHOST.", 80) == ["127.0.0.1"]
    assert [internet.resolve("rebinding.test", 80)[0] for _ in range(3)] == ["93.184.216.34", "127.0.0.1", "127.0.0.1"]


def test_no_url_is_in_the_corpus_twice() -> None:
    urls = [one.url for one in corpus()]
    assert len(urls) == len(set(urls)) >= 600
