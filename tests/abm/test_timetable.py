"""What recurs stays on its grid and in its order, however many rows a timetable has."""

from enum import IntEnum

import mesa
import pytest

from abm.timetable import Repeat, Timetable, on_grid


class Turn(IntEnum):
    EARLY = 1
    LATE = 2


def run(rows: list[tuple[float, float, str]], until: float) -> list[tuple[float, str]]:
    model = mesa.Model(rng=1)
    model._default_schedule.stop()
    seen: list[tuple[float, str]] = []

    def note(name: str) -> Repeat:
        start, interval = next((s, i) for s, i, n in rows if n == name)
        return Repeat(start, interval, lambda: seen.append((float(model.time), name)))

    table = Timetable(model, [note(name) for _, _, name in rows], Turn.EARLY)
    model.run_until(until)
    del table  # mesa keeps weak references: it had to live until here
    return seen


def test_each_row_happens_on_its_own_grid() -> None:
    seen = run([(1.0, 1.0, "a"), (0.5, 2.0, "b")], 5.0)
    assert [t for t, name in seen if name == "a"] == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert [t for t, name in seen if name == "b"] == [0.5, 2.5, 4.5]
    assert [t for t, _ in seen] == sorted(t for t, _ in seen)


def test_rows_of_one_time_happen_in_the_order_in_which_they_are_given() -> None:
    seen = run([(2.0, 2.0, "first"), (1.0, 1.0, "second"), (4.0, 4.0, "third")], 4.0)
    assert [name for t, name in seen if t == 4.0] == ["first", "second", "third"]


@pytest.mark.parametrize(("tick", "block"), [(0.2, 0.6), (0.1, 1.2), (0.1, 0.7), (0.3, 0.9)])
def test_what_falls_on_one_time_keeps_its_order_whatever_the_bits_of_its_grid(tick: float, block: float) -> None:
    seen = run([(tick, tick, "tick"), (block, block, "block")], 100.0)
    blocks = [i for i, (_, name) in enumerate(seen) if name == "block"]
    assert len(blocks) >= 80
    assert all(seen[i - 1][1] == "tick" for i in blocks)
    assert all(seen[i - 1][0] == pytest.approx(seen[i][0], abs=1e-9) for i in blocks)


def test_a_grid_of_tenths_does_not_drift_nor_stand_still() -> None:
    seen = run([(0.1, 0.1, "tenth"), (1.0, 1.0, "one")], 1000.0)
    tenths = [t for t, name in seen if name == "tenth"]
    assert len(tenths) == 10_000
    assert tenths[-1] == pytest.approx(1000.0, abs=1e-9)
    assert [t for t, name in seen if name == "one"] == [pytest.approx(k) for k in range(1, 1001)]


def test_a_timetable_takes_its_turn_among_other_events_of_its_time() -> None:
    model = mesa.Model(rng=1)
    model._default_schedule.stop()
    seen: list[str] = []

    def late() -> None:
        seen.append("late")

    def between() -> None:
        seen.append("between")

    table = Timetable(model, [Repeat(1.0, 1.0, late)], Turn.LATE)
    model.schedule_recurring(between, on_grid(1.0, 1.0), priority=Turn.EARLY)
    model.run_until(2.0)
    del table
    assert seen == ["between", "late"] * 2
