"""Sets resource limits, then executes another program. `ffmpeg.py` runs it as a script.

    python -I -S rlimits.py CPU_SECONDS MEMORY_BYTES FILE_BYTES OPEN_FILES PROGRAM [ARGUMENT...]

This is a separate script because `preexec_fn` may deadlock in a parent that has threads, limits set on a running
child come too late, and a shell's `ulimit` supports neither bytes nor all of these limits everywhere. It costs about
10 ms.
"""

from __future__ import annotations

import os
import resource
import sys

EXIT_CANNOT_START = 127


def main(arguments: list[str]) -> None:
    cpu_seconds, memory_bytes, file_bytes, open_files = map(int, arguments[:4])
    command = arguments[4:]
    lower_limit(resource.RLIMIT_CORE, 0)
    lower_limit(resource.RLIMIT_CPU, cpu_seconds)
    lower_limit(resource.RLIMIT_FSIZE, file_bytes)
    lower_limit(resource.RLIMIT_NOFILE, open_files)
    lower_limit(resource.RLIMIT_AS, memory_bytes)
    try:
        os.execve(command[0], command, {})  # noqa: S606
    except OSError:
        sys.exit(EXIT_CANNOT_START)


def lower_limit(kind: int, value: int) -> None:
    """Lowers a limit. Keeps a limit that is already lower."""
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


if __name__ == "__main__":
    main(sys.argv[1:])
