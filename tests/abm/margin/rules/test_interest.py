"""Interest: linear for supply, compounding for debt, by the series and by the power."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abm.margin.rules.interest import YEAR, compound_growth, compound_growth_third_order, linear_growth


def test_figures_of_aave() -> None:
    """Of aave/aave-utilities, packages/math-utils/src/pool-math.test.ts: 5e-10 a year, 100,000,100 seconds."""
    assert float(linear_growth(5e-10, 100_000_100)) == pytest.approx(1.0000000015854912, abs=1e-15)
    assert float(compound_growth_third_order(5e-10, 100_000_100)) == pytest.approx(1.0000000015854912, abs=1e-15)
    assert float(compound_growth(0.10928423698425745, YEAR)) == pytest.approx(1.11547936556526519, abs=1e-14)


@pytest.mark.parametrize(("seconds", "factor"), [(0, 1.0), (1, 1.001), (2, 1.001**2), (3, 1.001**3)])
def test_up_to_three_seconds_the_series_is_the_power(seconds: int, factor: float) -> None:
    assert float(compound_growth_third_order(0.001 * YEAR, seconds)) == pytest.approx(factor, rel=1e-15)


@given(rate=st.floats(0.0, 2.0), years=st.floats(0.0, 3.0))
def test_the_series_is_below_the_power_and_above_the_line(rate: float, years: float) -> None:
    seconds = np.round(years * YEAR)
    line, series, power = (
        float(f(rate, seconds)) for f in (linear_growth, compound_growth_third_order, compound_growth)
    )
    assert line <= series * (1.0 + 1e-12)
    assert series <= power * (1.0 + 1e-12)
