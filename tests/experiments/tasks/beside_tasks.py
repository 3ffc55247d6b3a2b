"""What the tests of a run beside let its process do instead of a run."""

import os
import signal
from pathlib import Path
from typing import Any

from abm.model import Progress
from abm.scenario import Scenario


def dies(scenario: Scenario, folder: Path, picture: Path, news: Any) -> None:
    """End without a word."""
    os._exit(3)


def is_killed(scenario: Scenario, folder: Path, picture: Path, news: Any) -> None:
    """Be killed after a word of progress."""
    news.put(Progress(60.0, 120.0, 0, 0))
    news.close()
    news.join_thread()
    os.kill(os.getpid(), signal.SIGKILL)


def hangs(scenario: Scenario, folder: Path, picture: Path, news: Any) -> None:
    """Tell of progress, and never end."""
    news.put(Progress(60.0, 120.0, 0, 0))
    signal.pause()
