"""SPAN, as far as a scan goes."""

import numpy as np
import pytest

from abm.margin.rules.span import span_arrays, span_future


def test_futures_of_the_sources_tests() -> None:
    """Public test file of impl_span_margin: index futures at 4,500 with a range of 6 %, gold at 2,000 with 5 %."""
    found = span_future(np.array([1.0, -1.0, 5.0]), 4_500.0, 50.0, 0.06, 1.1, 0.8)
    assert found.scanning_risk == pytest.approx([13_500.0, 13_500.0, 67_500.0])
    assert found.initial[0] == pytest.approx(14_850.0)
    assert found.maintenance[0] == pytest.approx(11_880.0)
    assert float(span_future(1.0, 2_000.0, 100.0, 0.05, 1.1, 0.8).scanning_risk) == pytest.approx(10_000.0)


def test_the_worst_of_sixteen_scenarios() -> None:
    """Public test file of brokers.span_margin: 65 and 65 long, 130 short; 65 * 2 + 130 * 10 in the first scenario."""
    arrays = np.array([[2.0] * 16, [-10.0, -10.0] + [0.0] * 14, [0.0] * 14 + [5.0, 1.0]])
    risk, worst = span_arrays(np.array([65.0, -130.0, 65.0]), arrays)
    assert (float(risk), int(worst)) == (1_430.0, 0)


def test_a_portfolio_that_cannot_lose_needs_nothing() -> None:
    risk, _ = span_arrays(np.array([[1.0], [-1.0]]), -np.ones((1, 16)))
    assert risk.tolist() == [0.0, 1.0]
