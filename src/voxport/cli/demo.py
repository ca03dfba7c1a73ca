"""`voxport demo`: goes through all steps from a sample to speech over HTTP, as a client would."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from voxport.cli.common import print_table
from voxport.cli.progress import show_progress

if TYPE_CHECKING:
    from voxport.client import Client, Json

DEFAULT_TEXT = "Hello! This is my cloned voice, speaking from your own machine."
INSTANT_TEXT = "And this one needed no voice to be kept."


@dataclass
class DemoReport:
    """Collects the duration, cost and result of each step."""

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    _began: float = field(default_factory=time.perf_counter)

    def add(self, step: str, result: str, tokens: float | None = None) -> None:
        """Add a step that has just ended."""
        now = time.perf_counter()
        self.rows.append((step, f"{now - self._began:.1f} s", "" if tokens is None else f"{tokens:.3f}", result))
        self._began = now


@click.command()
@click.option(
    "--sample",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A recording or a video of a speaker, 3 s or more. Default: a synthetic speaker, made here.",
)
@click.option("--text", default=DEFAULT_TEXT, help="What the voice says.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("out"), help="Where the audio goes."
)
def demo(sample: Path | None, text: str, out: Path) -> None:
    """Clone a voice and speak with it, start to end, on this machine.

    Starts a gateway of its own on a free port with a temporary data folder, uploads the sample, clones it, speaks a
    text, does the instant clone too, writes the audio, and stops the gateway.
    """
    from voxport.cli.synthetic import write_speaker
    from voxport.client import CallFailed, Client
    from voxport.testing.running_gateway import GatewayFailed, running_gateway

    out.mkdir(parents=True, exist_ok=True)
    report = DemoReport()
    if sample is None:
        sample = out / "sample.wav"
        click.echo("No sample was given: making a synthetic speaker, whose voice is none of the stock voices.")
        write_speaker(sample)
        report.add("make a speaker", str(sample))
    click.echo(f"Cloning the speaker of {sample}")
    try:
        with tempfile.TemporaryDirectory(prefix="voxport-demo-") as folder, running_gateway(Path(folder)) as live:
            report.add("start the gateway", live.url)
            with Client(live.url, live.key) as client:
                _run_steps(client, sample, text, out, report)
    except (GatewayFailed, CallFailed) as error:
        raise click.ClickException(str(error)) from error
    click.echo()
    print_table(("STEP", "TOOK", "TOKENS", "RESULT"), report.rows)
    click.echo(f"\nListen: {out / 'spoken.mp3'} and {out / 'instant.wav'}; the sample is {sample}")
    click.echo("Next:   make serve, then open http://127.0.0.1:8000/docs")


def _run_steps(client: Client, sample: Path, text: str, out: Path, report: DemoReport) -> None:
    audio_url = client.upload(sample)
    report.add("upload the sample", f"{sample.stat().st_size / 1024:,.0f} KiB")

    job = _wait_for_job(client, client.clone(audio_url, name="Demo"))
    voice_id = job["result_data"]["voice_id"]
    report.add("clone the voice", f"voice {voice_id}", job["token_cost"])
    for warning in job["result_data"]["warnings"]:
        click.echo(f"About the sample: {warning}")

    spoken = client.speak(text, voice_id)
    (out / "spoken.mp3").write_bytes(client.download(spoken["data"]["url"]))
    seconds = spoken["data"]["duration_seconds"]
    report.add("speak a text", f"{seconds} s of audio in {out / 'spoken.mp3'}", spoken["cost"]["tokens"])

    instant = client.instant_clone(audio_url, INSTANT_TEXT)
    (out / "instant.wav").write_bytes(instant.content)
    report.add("instant clone", str(out / "instant.wav"), float(instant.headers["X-Gateway-Token-Cost"]))
    click.echo(f"{client.balance()['balance']:.3f} of 100 tokens are left.")


def _wait_for_job(client: Client, job_id: str) -> Json:
    """Show the job's progress until it ends, and return it. Raises ClickException if it failed or was cancelled."""
    with show_progress("Cloning") as watch:
        job = client.wait_for_job(job_id, watch)
    if job["status"] != "completed":
        raise click.ClickException(job["error"]["message"] if "error" in job else "The job was cancelled.")
    return job
