"""Aave v3's known answers: the cases beside the checkout, and how the rules read what a case may leave out."""

from pathlib import Path
from typing import Any

import pytest

from experiments.conform.aave_v3 import RULES
from experiments.conform.check import check_file

CASES = Path(__file__).resolve().parents[3].parent / "shared" / "vectors" / "aave_v3.json"


@pytest.mark.skipif(not CASES.is_file(), reason=f"{CASES.name} is not in ../shared/vectors beside the checkout")
def test_every_case_agrees() -> None:
    checked = check_file(CASES)
    assert checked.verdicts
    assert [v for v in checked.verdicts if not v.agrees] == []


def ask(kind: str, **case: Any) -> dict[str, Any]:
    """The answers to a case."""
    return RULES[kind](case, {})


class TestHealth:
    # Figures of aave/aave-utilities, packages/math-utils/src/pool-math.test.ts and
    # formatters/user/calculate-user-reserve-totals.test.ts, in whole units.
    def test_health_factor_and_averages(self) -> None:
        held = [{"value": 0.1, "ltv": 0.4, "threshold": 0.5}]
        assert ask("health", collateral=held, debt=0.03)["health_factor"] == pytest.approx(5.0 / 3.0)
        got = ask("health", collateral=held, debt=0.05)
        assert (got["health_factor"], got["room"], got["liquidatable"]) == (pytest.approx(1.0), 0.0, False)
        assert (got["ltv"], got["threshold"]) == pytest.approx((0.4, 0.5))

    def test_a_category_counts_for_its_members(self) -> None:
        held = [{"value": 100.0, "ltv": 0.8, "threshold": 0.825, "emode": True},
                {"value": 100.0, "ltv": 0.8, "threshold": 0.85}]  # fmt: skip
        got = ask("health", collateral=held, debt=50.0, emode={"ltv": 0.9, "threshold": 0.95})
        assert (got["ltv"], got["threshold"]) == pytest.approx((0.85, 0.9))
        assert got["available_borrows"] == pytest.approx(120.0)
        plain = ask("health", collateral=held, debt=50.0)
        assert (plain["ltv"], plain["threshold"]) == pytest.approx((0.8, 0.8375))

    def test_categories_by_number(self) -> None:
        held = [{"value": 1.0, "ltv": 0.7, "threshold": 0.8, "category": 2, "emode_ltv": 0.9, "emode_threshold": 0.93}]
        assert ask("health", collateral=held, debt=0.0, category=2)["ltv"] == pytest.approx(0.9)
        assert ask("health", collateral=held, debt=0.0, category=1)["ltv"] == pytest.approx(0.7)

    def test_collateral_that_is_switched_off_counts_nothing(self) -> None:
        held = [{"value": 100.0, "ltv": 0.8, "threshold": 0.8, "enabled": False}]
        got = ask("health", collateral=held, debt=10.0)
        assert (got["ltv"], got["threshold"], got["health_factor"], got["room"]) == (0.0, 0.0, 0.0, 0.0)


class TestLiquidation:
    def test_half_of_all_debt_is_the_most_of_one_of_several(self) -> None:
        case = {"collateral_value": 1e5, "health_factor": 0.97, "bonus": 1.05}
        got = ask("close_factor", reserve_debt_value=6e4, total_debt_value=8e4, request="all", **case)
        assert got["share_of_debt"] == pytest.approx(2.0 / 3.0)
        small = ask("close_factor", reserve_debt_value=3e4, total_debt_value=8e4, request="all", **case)
        assert small["share_of_debt"] == 1.0

    def test_a_request_that_leaves_too_little_is_dust(self) -> None:
        case = {"collateral_value": 5_000.0, "reserve_debt_value": 4_500.0, "total_debt_value": 4_500.0,
                "health_factor": 0.9, "bonus": 1.05}  # fmt: skip
        assert ask("close_factor", request=4_000.0, **case)["dust"] is True
        assert ask("close_factor", request=3_000.0, **case)["dust"] is False
        assert ask("close_factor", request="all", **case)["dust"] is False

    def test_integer_rounding_is_that_of_the_contracts(self) -> None:
        """7 units at a bonus of 5 %: 7.35 rounds to 7; of 107 and 12.35: half a unit is rounded up."""
        case = {"debt_price": 1, "collateral_price": 1, "bonus": 1.05, "protocol_fee": 0.1, "rounding": "integer"}
        got = ask("seize", debt_to_cover=1_000, collateral_balance=5_000, **case)
        assert (got["liquidator"], got["fee"], got["repaid"]) == (1_045.0, 5.0, 1_000.0)
        bound = ask("seize", debt_to_cover=1_000, collateral_balance=500, **case)
        assert (bound["liquidator"], bound["fee"], bound["repaid"]) == (498.0, 2.0, 476.0)
        assert bound["deficit"] == 524.0

    def test_what_no_collateral_is_left_for_is_a_deficit(self) -> None:
        assert ask("deficit", debt=1_000.0, collateral=525.0, bonus=1.05)["deficit"] == pytest.approx(500.0)
        assert ask("deficit", debt=1_000.0, collateral=2_000.0, bonus=1.05)["deficit"] == 0.0


class TestInterest:
    # Figures of aave/aave-utilities, packages/math-utils/src/formatters/compounded-interest tests and pool-math.test.ts.
    @pytest.mark.parametrize(
        ("rate", "seconds", "growth"),
        [
            (0.10928423698425745, 1, 1.000000003465380421875236280),
            (0.03856874338802839, 1, 1.000000001223006829909576220),
        ],
    )
    def test_one_second_by_the_series(self, rate: float, seconds: int, growth: float) -> None:
        got = ask("compound_interest", rate=rate, seconds=seconds, method="third_order")
        assert got["growth"] == pytest.approx(growth, abs=1e-15)

    @pytest.mark.parametrize(
        ("rate", "years", "grown"),
        [
            (0.10928423698425745, 1.0, 0.115479365565265190),
            (0.03856874338802839, 2.0, 0.080190578053013645),
            (0.10928423698425745, 0.5, 0.056162565879545453),
        ],
    )
    def test_years_by_the_power(self, rate: float, years: float, grown: float) -> None:
        got = ask("compound_interest", rate=rate, seconds=years * 31_536_000, method="exact")
        assert got["rate"] == pytest.approx(grown, abs=1e-14)

    def test_an_index_and_a_balance_grow_along(self) -> None:
        got = ask("linear_interest", rate=5e-10, seconds=100_000_100, index=1.048540642417873765)
        assert got["index"] == pytest.approx(1.048540644080325710, abs=1e-15)
