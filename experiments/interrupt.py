"""An interruption that is not lost.

Python drops an exception that is raised inside a callback of a weak reference or a finaliser, the one of Ctrl-C too.
So the asking is kept, and raised again at the next step of progress.
"""

import signal
from types import FrameType

__all__ = ["check_interrupt", "interrupted", "listen"]

_asked: list[int] = []


def listen() -> None:
    """Take the interrupt signal from now on (in the main thread)."""
    _asked.clear()
    signal.signal(signal.SIGINT, _ask)


def _ask(number: int, _: FrameType | None) -> None:
    _asked.append(number)
    raise KeyboardInterrupt


def interrupted() -> bool:
    """Whether somebody has asked to stop: then an error that follows may be a library's answer to that."""
    return bool(_asked)


def check_interrupt() -> None:
    """Stop where somebody has asked for it.

    Raises
    ------
    KeyboardInterrupt
        Somebody has.
    """
    if _asked:
        raise KeyboardInterrupt
