"""A run in a process of its own, beside what this one does: its progress is shown here, and its failure raised."""

import contextlib
import multiprocessing
import queue
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from abm.model import Progress
from abm.scenario import Scenario
from experiments.simulate import simulate

__all__ = ["RunBeside"]


class RunBeside:
    """A scenario that is run, recorded in a folder and drawn; ended with the `with` block, whatever happens."""

    def __init__(self, scenario: Scenario, folder: Path, picture: Path, shown: Callable[[Progress], None]) -> None:
        context = multiprocessing.get_context("spawn")
        self._name, self._shown = scenario.name, shown
        self._news: multiprocessing.Queue[Progress | str] = context.Queue()
        self._process = context.Process(target=_run, args=(scenario, folder, picture, self._news), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()

    def until_under_way(self) -> None:
        """Wait for its first word: until then it may compile kernels, which one process should do for all."""
        while not self.listen(0.2) and self._process.is_alive():
            pass

    def until_done(self) -> None:
        """Wait for its end."""
        while self._process.is_alive():
            self.listen(0.2)
        self.listen()

    def listen(self, seconds: float = 0.0) -> bool:
        """Show what it has told since, waiting for a word as long; whether there was one.

        Raises
        ------
        RuntimeError
            It has failed.
        """
        heard = False
        with contextlib.suppress(queue.Empty):
            while True:
                told = self._news.get(timeout=seconds) if seconds and not heard else self._news.get_nowait()
                heard = True
                if isinstance(told, str):
                    raise RuntimeError(f"the run of `{self._name}` failed: {told}")
                self._shown(told)
        if self._process.exitcode:
            raise RuntimeError(f"the run of `{self._name}` was ended from outside (exit code {self._process.exitcode})")
        return heard


def _run(scenario: Scenario, folder: Path, picture: Path, news: Any) -> None:
    """The run, its record and its picture; its progress and its failure told."""
    try:
        record = simulate(scenario, progress=news.put)
        record.write(folder)
        from experiments.figures import save_picture  # as late as this: it takes a second to load

        save_picture(record, picture)
    except KeyboardInterrupt:
        return
    except Exception as error:
        news.put(f"{type(error).__name__}: {error}")
