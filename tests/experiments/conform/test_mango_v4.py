"""Mango v4's known answers: all that are shown, and parameters that no shown case has."""

from pathlib import Path
from typing import Any

import pytest

from experiments.conform.check import check_file
from experiments.conform.mango_v4 import RULES

CASES = Path(__file__).resolve().parents[3].parent / "shared" / "vectors" / "mango_v4.json"


def token(price: float, weight: float, **more: float) -> dict[str, float]:
    return {
        "price": price, "init_asset": 1.0 - weight, "init_liab": 1.0 + weight, "maint_asset": 1.0 - weight / 2.0,
        "maint_liab": 1.0 + weight / 2.0,
    } | more  # fmt: skip


PERP = {
    "price": 5.0, "base_lot": 10, "init_base": 0.2, "maint_base": 0.1, "init_overall": 0.95, "maint_overall": 0.98,
    "settles_in": 0,
}  # fmt: skip
PARAMETERS = {"tokens": [token(1.0, 0.2), token(5.0, 0.5), token(10.0, 0.5)], "perp": PERP}


@pytest.mark.skipif(not CASES.is_file(), reason="mango_v4.json is not in ../shared/vectors beside the checkout")
def test_every_shown_case_agrees() -> None:
    found = check_file(CASES)
    assert found.verdicts
    assert [v for v in found.verdicts if not v.agrees] == []


def ask(kind: str = "init_health", balances: tuple[float, ...] = (0.0, 0.0, 0.0), **case: Any) -> float:
    parameters = {**PARAMETERS, **case.pop("parameters", {})}
    found = RULES[kind]({"kind": kind, "balances": list(balances), **case}, parameters)
    return float(found["value"])


def test_a_perpetual_that_settles_in_another_token() -> None:
    """100 - 1.2 * 50 = 40 of token 2, each 10 USD, with 3 of it owed."""
    other = {"perp": PERP | {"settles_in": 2}}
    assert ask(perp_lots=-1, perp_quote=100, parameters=other) == pytest.approx(0.95 * 40.0 * 10.0 * 0.5)
    found = ask(perp_lots=1, perp_quote=-100, balances=(0.0, 0.0, 80.0), parameters=other)
    assert found == pytest.approx((80.0 - 60.0) * 10.0 * 0.5)


@pytest.mark.parametrize(("quote", "health"), [(100.0, 0.8 * 0.95 * 100.0), (-100.0, -120.0), (0.0, 0.0)])
def test_a_perpetual_that_was_closed(quote: float, health: float) -> None:
    assert ask(perp_lots=0, perp_quote=quote) == pytest.approx(health)


def test_maintenance_takes_its_own_weights() -> None:
    found = ask("maint_health", perp_lots=-1, perp_quote=100, balances=(0.0, 2.0, -1.0))
    assert found == pytest.approx(0.98 * 45.0 * 0.9 + 2.0 * 5.0 * 0.75 - 10.0 * 1.25)


def test_a_slow_price_counts_where_it_is_the_worse_one() -> None:
    tokens = [token(1.0, 0.2), token(5.0, 0.5, stable=4.0), token(10.0, 0.5, stable=8.0)]
    slow = {"tokens": tokens, "perp": PERP | {"stable": 6.0}}
    found = ask(balances=(0.0, 1.0, -1.0), perp_lots=-1, perp_quote=100, parameters=slow)
    assert found == pytest.approx(0.8 * 0.95 * (100.0 - 1.2 * 60.0) + 4.0 * 0.5 - 10.0 * 1.5)


def test_limits_scale_at_the_dearer_price_and_not_at_the_end_of_a_liquidation() -> None:
    tokens = [token(1.0, 0.2), token(5.0, 0.5, stable=6.0), token(10.0, 0.5)]
    scaling = [{}, {"deposits": 1_000, "deposit_scale_start": 3_000, "borrows": 1, "borrow_scale_start": 0}, {}]
    case: dict[str, Any] = {"balances": (0.0, 10.0, 0.0), "scaling": scaling, "parameters": {"tokens": tokens}}
    assert ask(**case) == pytest.approx(10.0 * 5.0 * 0.5 * 3_000.0 / 6_000.0)
    assert ask("liquidation_end_health", **case) == pytest.approx(10.0 * 5.0 * 0.5)


def test_there_may_be_more_tokens() -> None:
    tokens = [*PARAMETERS["tokens"], token(2.0, 0.1)]
    found = ask(balances=(0.0, 0.0, 0.0, -7.0), parameters={"tokens": tokens})
    assert found == pytest.approx(-7.0 * 2.0 * 1.1)
