import numpy as np
import pytest
import QuantLib as ql

from abm.margin.options.black76 import price
from abm.margin.options.delta import CONVENTIONS, delta, delta_many, delta_many_python, forward_of

THEIRS = {
    "spot": ql.DeltaVolQuote.Spot,
    "forward": ql.DeltaVolQuote.Fwd,
    "premium_adjusted_spot": ql.DeltaVolQuote.PaSpot,
    "premium_adjusted_forward": ql.DeltaVolQuote.PaFwd,
}


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_quantlib_agrees(convention) -> None:
    rng = np.random.default_rng(9)
    for _ in range(300):
        spot, d, fd, s = rng.uniform(1.0, 200.0), rng.uniform(0.7, 1.02), rng.uniform(0.7, 1.02), rng.uniform(0.01, 0.9)
        strike, call = spot * np.exp(rng.uniform(-3.0, 3.0) * s), bool(rng.random() < 0.5)
        side = ql.Option.Call if call else ql.Option.Put
        theirs = ql.BlackDeltaCalculator(side, THEIRS[convention], spot, d, fd, s).deltaFromStrike(strike)
        got = delta(convention, forward_of(spot, d, fd), strike, s, fd, call)
        assert float(got) == pytest.approx(theirs, rel=1e-10, abs=1e-12)


def test_premium_adjusted_is_delta_less_the_premium_in_coins() -> None:
    forward, strike, s = 60_000.0, np.array([40_000.0, 60_000.0, 90_000.0]), 0.3
    for call in (True, False):
        plain, adjusted = (
            delta(name, forward, strike, s, 1.0, call) for name in ("forward", "premium_adjusted_forward")
        )
        premium = price(forward, strike, 1.0, s, 1.0, call) / forward
        assert adjusted == pytest.approx(plain - premium, rel=1e-12)


def test_call_and_put_differ_by_the_forward() -> None:
    for convention, gap in zip(CONVENTIONS, (0.98, 1.0, 0.98 * 1.2, 1.2), strict=True):
        call, put = (delta(convention, 100.0, 120.0, 0.3, 0.98, c) for c in (True, False))
        assert float(call - put) == pytest.approx(gap, rel=1e-14)


def test_compiled_equals_plain() -> None:
    columns = np.array([[100.0, 90.0]]), np.array([[80.0, 120.0]])
    rows = [np.array([100.0, 90.0]), np.array([80.0, 120.0]), np.array([0.2, 0.4]), np.array([1.0, 0.9])]
    side = np.array([True, False])
    for adjusted in (True, False):
        assert delta_many(*rows, side, adjusted) == pytest.approx(delta_many_python(*rows, side, adjusted), rel=1e-14)
    assert delta("forward", *columns, 0.2, 1.0, True).shape == (1, 2)


def test_without_deviation_it_is_that_of_the_payoff() -> None:
    strike = np.array([80.0, 100.0, 125.0])
    assert list(delta("forward", 100.0, strike, 0.0, 1.0, True)) == [1.0, 0.5, 0.0]
    assert list(delta("premium_adjusted_spot", 100.0, strike, 0.0, 0.9, False)) == [0.0, -0.45, -1.125]


class TestMistakes:
    """Each is named with its value."""

    def test_an_unknown_convention(self) -> None:
        with pytest.raises(ValueError, match=r"convention must be one of spot, forward, .* got sticky"):
            delta("sticky", 100.0, 100.0, 0.2, 1.0, True)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("name", "numbers"),
        [
            ("forward", (0.0, 100.0, 0.2, 1.0)),
            ("strike", (100.0, 0.0, 0.2, 1.0)),
            ("foreign_discount", (100.0, 100.0, 0.2, 0.0)),
        ],
    )
    def test_numbers_that_are_not_positive(self, name: str, numbers: tuple) -> None:
        with pytest.raises(ValueError, match=f"{name} must be > 0, got 0.0"):
            delta("spot", *numbers, True)

    def test_a_deviation_below_zero(self) -> None:
        with pytest.raises(ValueError, match=r"deviation must be >= 0, got -0.1"):
            delta("spot", 100.0, 100.0, -0.1, 1.0, True)
