"""What recurs: a timetable keeps its rows on their grids, and asks the clock for one event at each time that has any."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import mesa
from mesa.time import Schedule

__all__ = ["Repeat", "Timetable", "at_times", "on_grid"]

DIGITS = 6
"""Decimals of a second to which times are told apart: 3 * 0.2 and 0.6 are one time, whatever their bits."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """An action at start + k * interval, k = 0, 1, ... (seconds)."""

    start: float
    interval: float
    action: Callable[[], None]


def on_grid(start: float, interval: float) -> Schedule:
    """A schedule that stays on start + k * interval, whatever the rounding of single steps."""
    return at_times(lambda count: start + count * interval)


def at_times(time: Callable[[int], float]) -> Schedule:
    """A schedule at time(0), time(1), ... seconds, to the decimals of a timetable; times must rise."""
    fired = 0

    def step(model: mesa.Model) -> float:
        nonlocal fired
        fired += 1
        return max(round(time(fired), DIGITS) - float(model.time), 0.0)

    return Schedule(interval=step, start=round(time(0), DIGITS))


class Timetable:
    """Some repeats; those of one time happen in the order in which they are given."""

    def __init__(self, model: mesa.Model, repeats: list[Repeat], turn: IntEnum) -> None:
        self._model, self._repeats = model, repeats
        self._next = [(round(repeat.start, DIGITS), number, 0) for number, repeat in enumerate(repeats)]
        heapq.heapify(self._next)
        schedule = Schedule(interval=self._wait, start=self._next[0][0])
        model.schedule_recurring(self.fire, schedule, priority=turn)

    def fire(self) -> None:
        """Do all that is due now."""
        now = round(float(self._model.time), DIGITS)
        while self._next[0][0] <= now:
            _, number, count = self._next[0]
            repeat = self._repeats[number]
            repeat.action()
            due = round(repeat.start + (count + 1) * repeat.interval, DIGITS)
            heapq.heapreplace(self._next, (due, number, count + 1))

    def _wait(self, model: mesa.Model) -> float:
        return max(self._next[0][0] - float(model.time), 0.0)
