"""A command with a terminal to look at."""

import os
import pty
import re
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.experiments.cli.command_line import COMMAND

PATIENCE = 120.0
"""Seconds until something that should come has not come."""


CLOCK = r"\b\d\d:\d\d:\d\d\b"
"""Simulated time, as a run that is under way shows it."""


class Terminal:
    """A process whose standard error is a terminal."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process, self.master, self.shown = process, master, ""

    def read_until(self, pattern: str = "never shown") -> None:
        """Read what it shows until a pattern is there, or to its end."""
        end = time.monotonic() + PATIENCE
        while not re.search(pattern, self.shown) and time.monotonic() < end:
            if not select.select([self.master], [], [], 0.1)[0]:
                continue
            try:
                self.shown += os.read(self.master, 65536).decode(errors="replace")
            except OSError:  # the other end is closed
                return

    def finish(self) -> tuple[int, str]:
        """Exit code, and what it wrote to standard output."""
        self.read_until()
        out, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out.decode()


@contextmanager
def terminal(*words: str | Path) -> Iterator[Terminal]:
    """A command with a terminal to look at."""
    master, slave = pty.openpty()
    env = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
    started = subprocess.Popen([*COMMAND, *map(str, words)], stdout=subprocess.PIPE, stderr=slave, env=env)
    os.close(slave)
    try:
        yield Terminal(started, master)
    finally:
        if started.poll() is None:
            started.kill()
        started.wait()
        if started.stdout is not None:
            started.stdout.close()
        os.close(master)
