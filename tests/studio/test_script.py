"""The Script screen in a real Chromium: a text with characters becomes a cast, a price, a job and lines to hear."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.studio.studio_env import OpenTab, StudioEnv, StudioTab
from tests.studio.test_accessibility import SIZES, check
from tests.studio.test_bad_input import captures, expect_error, revoke_session
from tests.support.jobs import work
from voxport.errors import ProviderFailed
from voxport.providers.base import SAMPLE_RATE, StockVoice
from voxport.scripts.hearing import Take
from voxport.scripts.line_judge import LineJudge

pytestmark = [pytest.mark.slow, pytest.mark.folder_only("a browser sends files past the gateway on S3")]

SCRIPT = "# A comment\nAna: Who is there?\n\nBen: Nobody.\n[Ana] Then who spoke?\n"
RENDER = re.compile("^Render for about")


@pytest.fixture(autouse=True)
def two_voices(studio: StudioEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LineJudge, "judge", lambda *_: Take())  # the provider's tone sounds wrong as a line
    studio.provider.stock = [StockVoice(name, name.title(), "en-us", "female") for name in ("hum", "buzz")]


def write(tab: StudioTab, text: str = SCRIPT) -> None:
    """Opens the screen, and writes a script whose price is known at the end."""
    tab.go("Script")
    tab.page.get_by_role("textbox", name="Script", exact=True).fill(text)
    expect(tab.page.get_by_role("button", name=RENDER)).to_be_enabled()


def order(tab: StudioTab) -> str:
    """Presses the button, and returns the job's id."""
    before = tab.page.evaluate("location.hash")
    tab.press(RENDER)
    tab.page.wait_for_function(
        "before => location.hash !== before && location.hash.startsWith('#/script/')", arg=before
    )
    job_id: str = tab.page.evaluate("location.hash.split('/')[2]")
    return job_id


def rendered(tab: StudioTab, text: str = SCRIPT) -> str:
    write(tab, text)
    job_id = order(tab)
    work(tab.customer, job_id)
    tab.sees("tokens charged.")
    return job_id


def line(tab: StudioTab, number: int) -> Locator:
    return tab.page.locator(".lines > li").nth(number - 1)


def test_a_script_becomes_a_cast_a_price_and_lines_to_hear(tab: StudioTab) -> None:
    tab.go("Script")
    page = tab.page
    for name in ("One file of all lines", "A file of each line"):
        page.get_by_role("checkbox", name=name).check()
    write(tab)
    assert page.get_by_role("combobox", name="Voice of Ana").input_value() == "hum"
    assert page.get_by_role("combobox", name="Voice of Ben").input_value() == "buzz", "two characters, two voices"
    tab.sees("3 lines, about")
    expect(page.locator(".cast .card").first).to_contain_text("2 lines")
    job_id = order(tab)
    tab.sees("tokens so far")
    work(tab.customer, job_id)
    tab.sees("3 spoken: 0.06 tokens charged.")
    assert captures(tab.customer) == [0.06]
    expect(page.locator(".lines > li")).to_have_count(3)
    expect(line(tab, 2)).to_contain_text("Ben 2 s · 0.02 tokens")
    line(tab, 2).get_by_role("button", name="Play line 2: Ben").click()
    expect(page.get_by_role("button", name="Stop line 2")).to_be_visible()
    expect(page.get_by_role("button", name="Play line 2: Ben")).to_be_visible()  # it has ended
    line(tab, 3).get_by_role("button", name="Then who spoke?").click()
    tab.wait_for_audio("!audio.paused && audio.currentTime > 5", ".along audio")
    expect(line(tab, 3)).to_have_attribute("aria-current", "true")
    page.evaluate("document.querySelector('.along audio').currentTime = 3")
    expect(line(tab, 2)).to_have_attribute("aria-current", "true")
    with page.expect_download() as download:
        page.get_by_role("button", name="All lines").click()
    assert download.value.path().stat().st_size > 50_000, "seven seconds at 128 kbit/s"


def test_a_reworded_line_is_the_only_one_that_is_spoken_and_charged(studio: StudioEnv, tab: StudioTab) -> None:
    first = rendered(tab)
    studio.provider.requests.clear()
    line(tab, 2).get_by_role("button", name="Redo line 2").click()
    tab.page.get_by_role("textbox", name="New text of line 2").fill("Nobody: at all.")
    tab.press("Take this text")
    expect(line(tab, 2)).to_contain_text("Becomes: Nobody: at all.")
    tab.sees("1 line reworded.")
    tab.sees("1 to speak, 2 there already")
    tab.page.reload()
    tab.sees("1 to speak, 2 there already")
    second = order(tab)
    work(tab.customer, second)
    tab.sees("1 spoken, 2 there from before: 0.02 tokens charged.")
    assert [one.text for one in studio.provider.requests] == ["Nobody: at all."]
    assert captures(tab.customer) == [0.06, 0.02]
    tab.page.go_back()
    expect(line(tab, 2)).to_contain_text("Nobody.")
    assert first in tab.page.url
    expect(tab.page.get_by_text("reworded")).to_have_count(0)


def test_what_the_gateway_refuses_is_shown_at_its_line(tab: StudioTab) -> None:
    expect_error(tab, "422")
    tab.go("Script")
    area = tab.page.get_by_role("textbox", name="Script", exact=True)
    area.fill("Ana: Who is there?\n" * 200 + "and nobody\nBen: Nobody.")
    alert = tab.page.locator(".at-line").get_by_role("alert")
    expect(alert).to_contain_text("Line 201: ")
    expect(tab.page.locator(".numbers .bad")).to_have_text("and nobody")
    expect(tab.page.get_by_role("button", name="Render")).to_be_disabled()
    tab.press("Go to line 201")
    assert area.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)") == "and nobody"
    expect(tab.page.locator(".numbers .bad")).to_be_in_viewport()
    tab.page.keyboard.type("Ben: Nobody")
    expect(tab.page.get_by_role("button", name=RENDER)).to_be_enabled()
    expect(alert).to_have_count(0)


def test_a_cap_below_the_price_is_refused_before_anything_is_spoken(tab: StudioTab) -> None:
    expect_error(tab, "422")
    write(tab)
    tab.page.get_by_label("At most, in tokens").fill("0.001")
    tab.sees("and max_tokens_cost is 0.001")
    expect(tab.page.get_by_role("button", name="Render")).to_be_disabled()
    assert tab.customer.get("/v2/jobs").json()["data"] == []


def test_the_first_line_of_a_character_is_heard_at_the_usual_price(studio: StudioEnv, tab: StudioTab) -> None:
    write(tab)
    tab.page.get_by_role("combobox", name="Voice of Ben").select_option("hum")
    tab.page.get_by_role("slider", name=re.compile("of Ben")).fill("1.5")
    tab.page.get_by_role("button", name=re.compile("^Hear .*: Ben")).click()
    tab.wait_for_audio("audio.duration > 1.9", ".cast audio")
    (spoken,) = studio.provider.requests
    assert (spoken.text, spoken.settings) == ("Nobody.", {"speed": 1.5})
    assert captures(tab.customer) == [0.02]


def test_a_script_and_its_job_outlast_a_reload_and_another_key(studio: StudioEnv, tab: StudioTab) -> None:
    expect_error(tab, "401")
    has_begun, goes_on = threading.Event(), threading.Event()

    def wait(_: int) -> None:
        has_begun.set()
        goes_on.wait(60)

    studio.provider.on_piece = wait
    write(tab)
    tab.page.get_by_role("combobox", name="Voice of Ben").select_option("hum")
    tab.page.reload()
    expect(tab.page.get_by_role("textbox", name="Script", exact=True)).to_have_value(SCRIPT)
    expect(tab.page.get_by_role("combobox", name="Voice of Ben")).to_have_value("hum")
    job_id = order(tab)
    worker = threading.Thread(target=work, args=(tab.customer, job_id))
    worker.start()
    assert has_begun.wait(60)
    tab.page.reload()
    tab.sees("0 of 3 lines")
    revoke_session(tab.customer)
    tab.page.evaluate("location.hash = '#/usage'")  # unless the page has noticed by itself
    expect(tab.page.locator(".sign-in")).to_be_visible()
    tab.sign_in()
    goes_on.set()
    worker.join()
    tab.go("Jobs")
    tab.press("Open the script")
    tab.sees("3 spoken: 0.06 tokens charged.")
    expect(line(tab, 2).get_by_role("button", name="Redo line 2")).to_be_visible()
    tab.press("Edit the script")
    expect(tab.page.get_by_role("textbox", name="Script", exact=True)).to_have_value(SCRIPT)
    tab.press("Sign out")
    assert tab.page.evaluate("Object.keys(sessionStorage)") == []


def test_an_order_whose_answer_was_lost_is_one_job_after_a_reload(tab: StudioTab) -> None:
    expect_error(tab, "ERR_FAILED")

    def lose(route: Any) -> None:
        """An order arrives, and its answer does not."""
        if '"dry_run":true' in (route.request.post_data or ""):
            route.continue_()
            return
        route.fetch()
        route.abort()

    write(tab)
    tab.page.route("**/core-tts-batch", lose)
    with tab.page.expect_event("requestfailed"):
        tab.press(RENDER)
    tab.page.reload()
    tab.page.unroute("**/core-tts-batch")
    order(tab)
    assert len(tab.customer.get("/v2/jobs").json()["data"]) == 1


def test_a_job_that_failed_goes_on_from_there(studio: StudioEnv, tab: StudioTab) -> None:
    spoken: list[int] = []

    def fail_at_third(_: int) -> None:
        spoken.append(1)
        if len(spoken) > 4:
            raise ProviderFailed("It broke.")

    studio.provider.on_piece = fail_at_third
    write(tab)
    work(tab.customer, order(tab))
    tab.sees("It broke. Nothing was charged.")
    studio.provider.on_piece = lambda _: None
    studio.provider.requests.clear()
    work(tab.customer, order(tab))
    tab.sees("3 spoken: 0.06 tokens charged.")
    assert len(studio.provider.requests) == 1, "the two that were spoken are not spoken again"
    assert captures(tab.customer) == [0.06]


def test_another_tab_sees_the_job_and_opens_a_copy(open_tab: OpenTab) -> None:
    first, second = open_tab(), open_tab()
    job_id = rendered(first)
    second.page.goto(f"{second.url}/studio#/script/{job_id}")
    second.sees("0.06 tokens charged.")
    expect(second.page.get_by_role("button", name="Redo line 2")).to_have_count(0)
    second.press("Edit a copy")
    area = second.page.get_by_role("textbox", name="Script", exact=True)
    expect(area).to_have_value("Ana: Who is there?\nBen: Nobody.\nAna: Then who spoke?")
    second.sees("3 there already")
    assert second.page.get_by_role("combobox", name="Voice of Ben").input_value() == "buzz"


@pytest.mark.parametrize(
    ("name", "content", "characters"),
    [
        ("scene.txt", "﻿Ana: Hi.\r\nBen: Hello.".encode(), ["Ana", "Ben"]),
        ("lines.csv", b'id,Speaker,line\n1,Ana,"Hi, you"\n2,Ben,Hello', ["Ana", "Ben"]),
        ("lines.csv", "character;text\nÄnne;Hi".encode("cp1252"), ["Änne"]),
        ("lines.csv", "character\ttext\nÄnne\tHi".encode("utf-16"), ["Änne"]),
        ("lines.jsonl", b'{"character": "Ana", "text": "Hi"}\n{"speaker": "Ben", "line": "Ho"}', ["Ana", "Ben"]),
        ("play.fountain", b"INT. HOUSE - DAY\n\nA door opens.\n\nANA (V.O.)\n(softly)\nHi.", ["Narrator", "ANA"]),
        ("book.md", b"# One\n\nIt was late.\n\n[Ana] Who is there?", ["Narrator", "Ana"]),
    ],
)
def test_a_file_is_read_in_the_browser_and_its_characters_are_cast(
    tab: StudioTab, name: str, content: bytes, characters: list[str]
) -> None:
    expect_error(tab, "422")  # the gateway's reader of this tree may not know the format
    tab.go("Script")
    tab.page.locator("#script-file").set_input_files({"name": name, "mimeType": "", "buffer": content})
    expect(tab.page.locator(".cast h3")).to_have_text(characters)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("book.epub", b"PK\x03\x04", "voxport script render takes an EPUB."),
        ("sound.txt", b"\x00\x01" * 500, "no text that can be read"),
    ],
)
def test_a_file_that_is_no_script_is_refused_and_leaves_the_text(
    tab: StudioTab, name: str, content: bytes, why: str
) -> None:
    write(tab)
    tab.page.locator("#script-file").set_input_files({"name": name, "mimeType": "", "buffer": content})
    tab.sees(why)
    expect(tab.page.get_by_role("textbox", name="Script", exact=True)).to_have_value(SCRIPT)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tab: StudioTab, tmp_path: Path) -> None:
    with (tmp_path / "long.txt").open("wb") as file:
        file.truncate(9_000_000)
    tab.go("Script")
    tab.page.locator("#script-file").set_input_files(tmp_path / "long.txt")
    tab.sees("too large for this page")


JSON_LINES = """{"name":"A","text":"\\u00e9"}

{"name":"B","text":"x","pause":1}"""
TABLE = 'character,text\nAna,No\nBen,"a ""b"""\n'
EDITS: list[tuple[str, str, list[str], dict[int, str], str | None]] = [
    ("lines", "Ana: Ana\n# x\n**Ben:** No. \n", ["Ana", "No."], {0: "B: c"}, "Ana: B: c\n# x\n**Ben:** No. \n"),
    ("lines", "[Ana] Ana\n**Ben:** No. \n", ["Ana", "No."], {1: "a\nb"}, "[Ana] Ana\n**Ben:** a b \n"),
    ("lines", "Ana: a", ["a", "b"], {0: "c"}, None),
    ("csv", TABLE, ["No", 'a "b"'], {0: "No, no", 1: "c"}, 'character,text\nAna,"No, no"\nBen,c\n'),
    ("csv", "1|Ana|No\n2|Ben|Oh", ["No", "Oh"], {1: "A|B"}, "1|Ana|No\n2|Ben|A B"),
    ("jsonl", JSON_LINES, ["é", "x"], {1: "y"}, JSON_LINES.replace('"x"', '"y"')),
    ("fountain", "ANA\nNo way,\nBen.\n\nBEN\nNo.", ["No way, Ben.", "No."], {0: "A.", 1: "B."}, "ANA\nA.\n\nBEN\nB."),
    ("markdown", "It *was* so.\n\n[Ana] So.", ["It was so.", "So."], {1: "No."}, "It *was* so.\n\n[Ana] No."),
    ("markdown", "It *was* so.", ["It was so."], {0: "No."}, None),
]


def test_a_reworded_line_is_found_in_every_spelling_of_a_script(tab: StudioTab) -> None:
    write(tab)
    module = next(url for url in tab.requested if url.endswith("/script/text.js"))
    for script_format, text, lines, edits, changed in EDITS:
        found = tab.page.evaluate(
            "async ([module, ...all]) => (await import(module)).withEdits(...all)",
            [module, text, script_format, [{"text": one} for one in lines], {str(k): v for k, v in edits.items()}],
        )
        assert found == changed, (script_format, text)


def test_a_script_of_more_lines_than_one_answer_has_is_shown_whole(studio: StudioEnv, tab: StudioTab) -> None:
    studio.provider.samples = SAMPLE_RATE // 10
    names = [f"Player {letter}" for letter in "ABCDEFGHIJKL"]
    write(tab, "\n".join(f"{names[number % 12]}: Line {number % 20}." for number in range(450)))
    expect(tab.page.locator(".cast .card")).to_have_count(12)
    work(tab.customer, order(tab))
    tab.sees("tokens charged.")
    expect(tab.page.locator(".lines > li")).to_have_count(450)
    line(tab, 450).get_by_role("button", name="Line 9.").click()
    expect(line(tab, 450)).to_have_attribute("aria-current", "true")
    expect(line(tab, 450)).to_be_in_viewport()
    expect(tab.page.locator(".lines > li[aria-current]")).to_have_count(1)


@pytest.mark.parametrize("size", SIZES)
def test_the_screen_has_no_serious_finding_and_is_not_wider_than_its_window(open_tab: OpenTab, size: str) -> None:
    tab = open_tab(**SIZES[size])
    expect_error(tab, "422")
    tab.go("Script")
    expect(tab.page.get_by_role("textbox", name="Script", exact=True)).to_be_visible()
    check(tab)
    tab.page.get_by_role("textbox", name="Script", exact=True).fill("Ana: Hi.\nno name")
    tab.sees("Line 2: ")
    check(tab)
    write(tab)
    check(tab)
    job_id = order(tab)
    tab.sees("Waiting for its turn")
    check(tab)
    work(tab.customer, job_id)
    tab.sees("tokens charged.")
    line(tab, 2).get_by_role("button", name="Redo line 2").click()
    tab.page.get_by_role("textbox", name="New text of line 2").fill("Nobody at all.")
    check(tab)
    tab.press("Take this text")
    tab.sees("2 there already")
    check(tab)
