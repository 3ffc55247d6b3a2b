"""The compiled kernels against the same code, interpreted."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abm.scenario import Scenario
from abm.venues import Books, engine

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["tick", "open", "trade", "quote", "room"]),
        st.integers(0, 8),
        st.floats(-5e4, 5e4),
        st.sampled_from([0.0, 0.4, 1.0, 60.0]),
    ),
    min_size=1,
    max_size=25,
)


def run(books: Books, suffix: str, steps: list[tuple[str, int, float, float]]) -> list[float]:
    """Play the steps with the kernels `<name><suffix>`; returns what trades, quotes and rooms told."""

    def kernel(name: str) -> Any:
        return getattr(engine, name + suffix)

    now, told = 0.0, []
    column = (books.state, books.impact, books.rates)
    for kind, book, volume, gap in steps:
        now += gap
        if kind == "tick":
            prices = np.array([100.0 + 1e-4 * volume, 10.0, 1.0])
            kernel("tick")(*column, books.ema, books.alphas, books.columns, prices, 1.0, now)
        elif kind == "open":
            kernel("open_blocks")(*column, np.array([book], dtype=np.int64), now)
        elif kind == "trade":
            told += list(kernel("execute")(*column, books.weights, book, volume, now))
        elif kind == "room":
            told.append(kernel("room")(*column, book, 100.0 * volume, now))
        else:
            kernel("advance")(*column, (book + 1) % 9, now)
            told.append(kernel("quote")(*column, book, volume, now))
    return told


@given(steps=STEPS)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_compiled_and_interpreted_agree(
    make_world: Callable[..., tuple[Scenario, Books]], steps: list[tuple[str, int, float, float]]
) -> None:
    (_, compiled), (_, interpreted) = make_world(), make_world()
    np.testing.assert_allclose(run(compiled, "", steps), run(interpreted, "_python", steps), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(compiled.state, interpreted.state, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(compiled.impact, interpreted.impact, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(compiled.ema, interpreted.ema, rtol=1e-12)
