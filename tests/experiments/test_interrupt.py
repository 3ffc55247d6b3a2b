"""An interruption is not lost, wherever it strikes."""

import os
import signal
import weakref
from collections.abc import Iterator

import pytest

from experiments.interrupt import check_interrupt, listen


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    listen()
    yield
    listen()  # forgets what was asked for here
    signal.signal(signal.SIGINT, before)


def test_it_interrupts_at_once_where_python_lets_it() -> None:
    check_interrupt()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_inside_a_callback_of_a_weak_reference_it_is_raised_at_the_next_step() -> None:
    class Thing:
        pass

    thing = Thing()
    seen = weakref.ref(thing, lambda _: os.kill(os.getpid(), signal.SIGINT))
    del thing
    assert seen() is None
    with pytest.raises(KeyboardInterrupt):
        check_interrupt()
