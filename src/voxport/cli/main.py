"""The `voxport` command."""

from __future__ import annotations

from typing import Final

import click

import voxport
from voxport.cli.admin.group import MOVED, admin
from voxport.cli.clone import clone
from voxport.cli.completion import completion
from voxport.cli.demo import demo
from voxport.cli.detect import detect
from voxport.cli.doctor.command import doctor
from voxport.cli.estimate import estimate
from voxport.cli.groups import RootGroup
from voxport.cli.instant import instant
from voxport.cli.jobs import jobs
from voxport.cli.login import login, logout
from voxport.cli.own_usage import usage_command
from voxport.cli.preview import preview
from voxport.cli.pronunciations import pronunciations
from voxport.cli.say import say
from voxport.cli.script.group import script
from voxport.cli.serve import serve, worker
from voxport.cli.studio import studio
from voxport.cli.voices import voices

_SECTIONS: Final = {
    "For you": (
        *(clone, say, instant, script, voices, jobs, pronunciations),
        *(preview, estimate, usage_command, detect, studio),
    ),
    "Set-up": (demo, login, logout, doctor, completion),
    "Operating": (serve, worker, admin),
}


@click.group(
    cls=RootGroup,
    sections={title: [str(command.name) for command in commands] for title, commands in _SECTIONS.items()},
    moved=MOVED,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(voxport.__version__, prog_name="voxport")
def main() -> None:
    """Clone voices and speak with them, by a gateway of your own.

    \b
    The first five minutes:
      voxport demo                                  clone a voice and hear it, start to end
      voxport serve                                 start the gateway, in a terminal of its own
      voxport clone me.mp4 --name Ana               make a voice from a recording or a video
      voxport say "Good morning." --voice Ana       hear it; with -o hi.mp3 it becomes a file
      voxport studio                                the same in the browser, signed in

    Commands call the gateway that VOXPORT_URL and VOXPORT_API_KEY or `voxport login` name, else the one on this
    machine's data folder, which is started for a command where none runs. `voxport COMMAND --help` has examples, and
    with --json every command that shows something prints JSON.

    \b
    Exit codes: 0 done, 1 another error, 2 wrong usage, 3 bad input, 4 key refused, 5 no credits, 6 not found,
    7 busy, 8 gateway or provider unreachable, 9 cancelled, 130 Ctrl-C. docs/commands.md explains everything.
    """


for _commands in _SECTIONS.values():
    for _command in _commands:
        main.add_command(_command)
