"""Drives an installed Chromium by the DevTools protocol, without a package for it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_TIMEOUT = 60.0


class Chromium:
    """A browser with one page."""

    def __init__(self, connection: ClientConnection, downloads: Path) -> None:
        self._connection = connection
        self._downloads = downloads
        self._last_id = 0
        self.events: list[dict[str, Any]] = []
        """The events of the page so far, such as requests and exceptions."""

        self._session: str | None = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.send(f"{domain}.enable")
        self.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result. Raises RuntimeError if the browser refuses it."""
        self._last_id += 1
        message: dict[str, Any] = {"id": self._last_id, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._connection.send(json.dumps(message))
        while True:
            answer = json.loads(self._connection.recv(timeout=_TIMEOUT))
            if answer.get("id") == self._last_id:
                break
            self.events.append(answer)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return dict(answer["result"])

    def open(self, page: Path | str) -> None:
        """Open a file or a URL, and wait until it is loaded."""
        self._load("Page.navigate", url=page if isinstance(page, str) else page.absolute().as_uri())

    def reload(self) -> None:
        self._load("Page.reload")

    def run(self, script: str) -> Any:
        """Run a script as if the user had pressed something, and return its value (JSON). Waits for a promise."""
        result = self.send(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True, userGesture=True
        )
        if "exceptionDetails" in result:
            raise AssertionError(result["exceptionDetails"]["exception"].get("description", result))
        return result["result"].get("value")

    def fill(self, selector: str, value: str) -> None:
        """Set a field's value as typing does."""
        self.run(
            f"{{ const field = document.querySelector({json.dumps(selector)}); field.value = {json.dumps(value)};"
            " for (const name of ['input', 'change']) field.dispatchEvent(new Event(name, {bubbles: true})) }"
        )

    def click(self, selector: str) -> None:
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def choose_file(self, selector: str, path: Path) -> None:
        """Give a file to a file input."""
        document = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=document, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", nodeId=node, files=[str(path)])

    def press(self, key: str) -> None:
        """Press and release a key, such as "a", "1" or "ArrowRight"."""
        text = {"text": key} if len(key) == 1 else {}
        virtual = {"ArrowRight": 39, "ArrowLeft": 37}.get(key, 0)
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=virtual, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=virtual)

    def wait_for(self, condition: str) -> None:
        """Wait until a script's value is true."""
        _wait(lambda: bool(self.run(condition)), condition)

    def download(self, name: str) -> Path:
        """Wait until a file has been downloaded whole, and return it."""
        path = self._downloads / name
        _wait(lambda: path.is_file() and not any(self._downloads.glob("*.crdownload")), name)
        return path

    def close(self) -> None:
        self._session = None
        self.send("Browser.close")

    def requested(self) -> set[str]:
        """The URLs that the page requested so far."""
        events = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return {event["params"]["request"]["url"] for event in events}

    def errors(self) -> list[str]:
        """Uncaught exceptions, and what the browser logged as an error."""
        found = []
        for event in self.events:
            if event.get("method") == "Runtime.exceptionThrown":
                found.append(str(event["params"]["exceptionDetails"]))
            elif event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
                found.append(str(event["params"]["entry"]["text"]))
        return found

    def _load(self, method: str, **parameters: str) -> None:
        before = len(self.events)
        self.send(method, **parameters)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events[before:]):
            self.events.append(json.loads(self._connection.recv(timeout=_TIMEOUT)))


@contextmanager
def running_chromium(folder: Path, *more_options: str) -> Iterator[Chromium]:
    """Start the browser with an empty profile in `folder`, where downloads go too, and with these options besides its
    usual ones. Skips the test where no Chromium is installed."""
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium here")
    downloads = folder / "downloads"
    downloads.mkdir(parents=True)
    profile = folder / "profile"
    options = (
        *("--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}", "--no-sandbox", "--mute-audio"),
        *("--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *more_options,
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, *options], stdout=log, stderr=log)
        try:
            with connect(_address(profile, process), max_size=None) as connection:
                browser = Chromium(connection, downloads)
                yield browser
                browser.close()
            process.wait(_TIMEOUT)
        finally:
            process.kill()
            process.wait()


def _address(profile: Path, process: subprocess.Popen[bytes]) -> str:
    """Wait for the file in which the browser says where it listens."""
    file = profile / "DevToolsActivePort"

    def is_written() -> bool:
        assert process.poll() is None, "Chromium ended"
        return file.is_file() and bool(re.search(r"^\d+\n/", file.read_text()))

    _wait(is_written, "the start of Chromium")
    port, path = file.read_text().splitlines()[:2]
    return f"ws://127.0.0.1:{port}{path}"


def _wait(is_done: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while not is_done():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)
