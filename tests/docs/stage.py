"""The gateway that the snippets call, and what their placeholders stand for there."""

from __future__ import annotations

import dataclasses
import os
import pty
import re
import shlex
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from standardwebhooks import Webhook

from tests.docs.snippets import ROOT, Snippet
from tests.support.client import GatewayClient
from tests.support.fake_provider import FakeProvider
from tests.support.server import wait_until
from voxport.providers.base import Capabilities, StockVoice
from voxport.text.languages import LANGUAGES

PROGRAMS: Final = Path(__file__).parent / "programs"
RECORDINGS: Final = ("me.wav", "me.mp4", "me.m4a", "interview.mp4", "speaker.wav", "chapter1.txt")
_FOLDERS: Final = (".venv/bin", ".zfunc", ".local/share/bash-completion/completions", ".config/fish/completions")
_WEBHOOK_SECRET: Final = "whsec_" + "c25pcHBldHM="
_TIMEOUT: Final = 120.0
_OUTSIDE: Final = re.compile(
    r"\b(?:sudo|apt|apt-get|useradd|systemctl|docker|podman|kubectl|helm|chown|mount|rm -r|kill|pkill)\b"
    r"|(?<![\w.:/])/(?!dev/|srv/voxport|backups)\w+"
)
"""What a block must not have that is run: programs that change the machine, and folders outside of the test's."""


@dataclass
class DocumentedProvider(FakeProvider):
    """A double of the local engine that has the languages and the stock voices which the pages name."""

    stock: list[StockVoice] = field(
        default_factory=lambda: [
            StockVoice("af_heart", "Heart", "en-us", "female"),
            StockVoice("bm_george", "George", "en-gb", "male"),
            StockVoice("am_michael", "Michael", "en-us", "male"),
            StockVoice("bf_emma", "Emma", "en-gb", "female"),
        ]
    )

    def capabilities(self) -> Capabilities:
        return dataclasses.replace(super().capabilities(), languages=tuple(LANGUAGES))


@dataclass
class Stage:
    """A page's own customer and folder at the shared gateway."""

    customer: GatewayClient
    url: str
    folder: Path
    socket: Path
    """Where the fork server listens."""

    def placeholders(self) -> dict[str, Callable[[], str]]:
        """Return what each placeholder stands for, by a regular expression. Each occurrence is a thing of its own, so
        that a page may revoke the key of one line and rotate that of the next."""
        return {
            "vxp_…": lambda: self.customer.key,
            "prof_…": self._new_profile,
            "key_…": self._new_key,
            "req_…": lambda: self._charged()[0],
            "led_…": lambda: self._charged()[1],
            r"\d+:[0-9a-f]+…": self._audit_anchor,
            "whsec_…": lambda: _WEBHOOK_SECRET,
            r"http://127\.0\.0\.1:8000": lambda: self.url,
            "/srv/voxport-new": lambda: str(self.folder / "restored"),
            "/srv/voxport": lambda: str(self.customer.gateway.settings.data_dir),
            "/backups": lambda: str(self.folder / "backups"),
        }

    def filled(self, snippet: Snippet, code: str) -> str:
        """Return the code with real values in place of its placeholders. `prof_…` is one profile within a block."""
        profile: list[str] = []
        for pattern, value in self.placeholders().items():

            def replace(_: re.Match[str], pattern: str = pattern, value: Callable[[], str] = value) -> str:
                if pattern != "prof_…":
                    return value()
                if not profile:
                    profile.append(value())
                return profile[0]

            code = re.sub(pattern, replace, code)
        return code

    def run_shell(self, snippets: list[Snippet]) -> None:
        """Run the blocks in one shell, which stops at the first command that fails. Raises AssertionError with what it
        printed."""
        commands = "".join(one.commands() for one in snippets)
        without_remarks = re.sub(r"(?<!\S)#[^\n]*", "", commands)
        assert (found := _OUTSIDE.search(without_remarks)) is None, (
            f"{snippets[0].page} would change the machine: {found}"
        )
        script = ["set -euo pipefail", f"API={self.url} KEY={self.customer.key}"]
        for name, value in {"JOB": self._finished_job, "RECORDING": self._recording}.items():
            if f"${name}" in commands and f"{name}=" not in commands:
                script.append(f"{name}={shlex.quote(value())}")
        for snippet in snippets:
            path = self.folder / f"snippet-{snippet.line}.sh"
            path.write_text(self.filled(snippet, snippet.commands()), "utf-8")
            script += [f"echo '{snippet}' > .running", f". {path}"]
        (self.folder / "page.sh").write_text("\n".join(script) + "\n", "utf-8")
        with _terminal_that_says_yes() as terminal:
            done = subprocess.run(
                ["bash", "page.sh"],
                cwd=self.folder,
                env=self.environment(),
                capture_output=True,
                text=True,
                timeout=_TIMEOUT,
                check=False,
                stdin=terminal,
            )
        where = (self.folder / ".running").read_text().strip()
        assert done.returncode == 0, (
            f"{where} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )

    def run_python(self, snippets: list[Snippet]) -> None:
        """Run the blocks one after another with the same names."""
        body = b'{"event": "job.completed"}'
        names: dict[str, object] = {"__name__": "__main__", **_signed(body), "body": body}
        for snippet in snippets:
            # Line numbers of an error are those of the page.
            code = "\n" * snippet.line + self.filled(snippet, snippet.code)
            exec(compile(code, snippet.page, "exec"), names)  # our own page

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("LANG", "TMPDIR") if name in os.environ}
        binaries = f"{PROGRAMS}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {
            **kept,
            "PATH": binaries,
            "HOME": str(self.folder),  # a login or a shell's completion is written there
            "SNIPPETS_ROOT": str(ROOT),
            "SNIPPETS_SOCKET": str(self.socket),
            "VOXPORT_API_KEY": self.customer.key,
            "VOXPORT_BASE_URL": self.url,
            "VOXPORT_URL": self.url,
            "VOXPORT_PUBLIC_URL": self.url,
            "VOXPORT_DATA_DIR": str(self.customer.gateway.settings.data_dir),
        }

    def write_files(self) -> None:
        """Write what the pages take for granted: recordings, an environment, a home with folders of the shells."""
        for name in _FOLDERS:
            (self.folder / name).mkdir(parents=True)
        (self.folder / ".venv" / "bin" / "activate").touch()  # PATH is right already
        for name in RECORDINGS:
            (self.folder / name).write_bytes(b"RIFF and so on" * 100)
        (self.folder / "chapter1.txt").write_text("It was a dark and stormy night.\n")

    def _new_profile(self) -> str:
        return self.customer.another_customer("1000").profile_id

    def _new_key(self) -> str:
        gateway = self.customer.gateway
        with gateway.database.transaction() as tx:
            gateway.accounts.create_key(tx, self.customer.profile_id, "spare")  # the last one can't be revoked
            return gateway.accounts.create_key(tx, self.customer.profile_id, "laptop")[0].id

    def _charged(self) -> tuple[str, str]:
        """Return the ids of a call that was just charged, and of its charge in the ledger."""
        body = {"text": "Hello.", "audioUrl": self._recording()}
        answer = self.customer.post("/v1/proxy/core-instant-clone-tts", body)
        assert answer.status_code == 200, answer.text
        entry = self.customer.get("/v2/billing/ledger").json()["data"][0]
        return answer.headers["X-Gateway-Request-ID"], entry["id"]

    def _finished_job(self) -> str:
        answer = self.customer.post("/v1/proxy/core-voice-clone", {"audioUrl": self._recording()})
        job_id = str(answer.json()["job"]["id"])
        path = f"/v2/jobs/{job_id}"
        wait_until(lambda: self.customer.get(path).json()["status"] == "completed", seconds=60, what="the clone")
        return job_id

    def _recording(self) -> str:
        return str(self.customer.upload()["public_url"])

    def _audit_anchor(self) -> str:
        done = subprocess.run(
            ["voxport", "audit", "verify"], env=self.environment(), capture_output=True, text=True, check=True
        )
        return done.stdout.rsplit(None, 1)[-1]


@contextmanager
def _terminal_that_says_yes() -> Iterator[int]:
    """Open a terminal for the input of commands, since some ask a question there, such as for the speaker's consent."""
    person, terminal = pty.openpty()
    modes = termios.tcgetattr(terminal)
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, modes)
    try:
        os.write(person, b"y\n" * 100)
        yield terminal
    finally:
        os.close(terminal)
        os.close(person)


@contextmanager
def running_fork_server(socket: Path) -> Iterator[None]:
    """Start the process that runs the `voxport` commands of the pages."""
    command = [sys.executable, "-m", "tests.docs.fork_server", str(socket)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == b"ready\n"
            yield
        finally:
            process.kill()


def _signed(body: bytes) -> dict[str, object]:
    """Return the headers of a webhook with this body."""
    now = datetime.now(UTC)
    signature = Webhook(_WEBHOOK_SECRET).sign("msg_1", now, body.decode())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
    return {"headers": headers}
