"""What moved margins asked of the opening's positions."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from abm.protocol.requirements import requirement_summary


def protocol(name: str, mmf: list[list[float]], time: list[float]) -> Any:
    """Two markets, fractions by block."""
    history = SimpleNamespace(
        count=len(time), time=np.array([*time, 0.0]), mmf=np.array([*mmf, [0.0, 0.0]])
    )  # longer than it is full
    return SimpleNamespace(name=name, markets=("BTC-PERP", "ETH-PERP"), history=history)


OPENED = {("harbor", "BTC-PERP"): 1000.0, ("harbor", "ETH-PERP"): 500.0}


def test_by_hand() -> None:
    """Maintenance 20 + 25, then 40 + 25 within ten minutes, then 20 + 50 after them."""
    harbor = protocol("harbor", [[0.02, 0.05], [0.04, 0.05], [0.02, 0.10]], [0.0, 500.0, 1200.0])
    found = requirement_summary([harbor], OPENED)
    assert found == pytest.approx(
        {"margin_peak_to_trough": 70.0 / 45.0, "margin_call": 20.0, "margin_mean": (45.0 + 65.0 + 70.0) / 3.0 / 45.0}
    )


def test_of_several_the_highest_and_none_without_positions() -> None:
    still = protocol("harbor", [[0.02, 0.05], [0.02, 0.05]], [0.0, 2.0])
    empty = protocol("quay", [[0.01, 0.01], [0.05, 0.05]], [0.0, 2.0])
    nothing = {"margin_peak_to_trough": 1.0, "margin_call": 0.0, "margin_mean": 1.0}
    assert requirement_summary([still, empty], OPENED) == pytest.approx(nothing)
    assert requirement_summary([empty], {}) == nothing
