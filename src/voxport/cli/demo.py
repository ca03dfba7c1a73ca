"""`voxport demo`: goes through all steps from a sample to speech over HTTP, as a client would."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from voxport.cli.output import print_table, printable
from voxport.cli.progress import show_progress

if TYPE_CHECKING:
    from voxport_client import ClonedVoice, Voxport

DEFAULT_TEXT = "Hello! This is my cloned voice, speaking from your own machine."
INSTANT_TEXT = "And this one needed no voice to be kept."


@dataclass
class DemoReport:
    """Collects the duration, cost and result of each step."""

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)
    _began: float = field(default_factory=time.perf_counter)

    def add(self, step: str, result: str, tokens: Decimal | None = None) -> None:
        """Add a step that has just ended."""
        now = time.perf_counter()
        self.rows.append((step, f"{now - self._began:.1f} s", "" if tokens is None else f"{tokens:.3f}", result))
        self._began = now


@click.command(short_help="Clone a voice and hear it, start to end, on this machine.")
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

    \b
    Examples:
      voxport demo
      voxport demo --sample me.mp4 --text "Good morning, this is my own voice."
    """
    from voxport.cli.synthetic import write_speaker
    from voxport.testing.running_gateway import GatewayFailed, running_gateway
    from voxport_client import Voxport, VoxportError

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
            with Voxport(base_url=live.url, api_key=live.key) as client:
                _run_steps(client, sample, text, out, report)
    except (GatewayFailed, VoxportError) as error:
        raise click.ClickException(str(error)) from error
    click.echo()
    print_table(("STEP", "TOOK", "TOKENS", "RESULT"), report.rows)
    click.echo(f"\nListen: {out / 'spoken.mp3'} and {out / 'instant.wav'}; the sample is {sample}")
    click.echo("Next:   voxport serve, and in another terminal: voxport clone me.wav --name Me")


def _run_steps(client: Voxport, sample: Path, text: str, out: Path, report: DemoReport) -> None:
    audio_url = client.media.upload(sample).public_url
    report.add("upload the sample", f"{sample.stat().st_size / 1024:,.0f} KiB")

    voice, tokens = _clone(client, audio_url)
    report.add("clone the voice", f"voice {voice.voice_id}", tokens)
    for warning in voice.warnings:
        click.echo(printable(f"About the sample: {warning}"))

    spoken = client.speak(text, voice.voice_id)
    spoken.save(out / "spoken.mp3")
    report.add("speak a text", f"{spoken.duration_seconds} s of audio in {out / 'spoken.mp3'}", spoken.cost.tokens)

    instant = client.instant(audio_url, INSTANT_TEXT, provider="local")
    instant.save(out / "instant.wav")
    report.add("instant clone", str(out / "instant.wav"), instant.tokens)
    click.echo(f"{client.billing.balance().balance:.3f} of 100 tokens are left.")


def _clone(client: Voxport, audio_url: str) -> tuple[ClonedVoice, Decimal]:
    """Clone the voice, showing the job's progress. Returns it with the tokens that it cost. Raises VoxportError."""
    pending = client.voices.clone(audio_url, name="Demo", provider="local")
    with show_progress("Cloning") as watch:
        voice = pending.wait(on_progress=watch)
    return voice, pending.get().token_cost
