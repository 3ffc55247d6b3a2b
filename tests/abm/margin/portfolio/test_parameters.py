"""The form of a preset, and the mistakes that it names."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from abm.margin.portfolio.parameters import ScenarioGridParameters
from abm.margin.portfolio.plan import plan_of
from abm.margin.preset import load_preset
from tests.abm.margin.portfolio.portfolios import COINS, MARKETS, form


def changed(**changes: Any) -> dict[str, Any]:
    """The form with some tables replaced."""
    return {**form().model_dump(), **changes}


class TestMistakes:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"underlyings": {"ETH": {"grid": "none"}}}, "underlying ETH: no grid 'none'; there are eth, btc"),
            ({"markets": {"SOL": {"underlying": "SOL"}}}, "market SOL: no underlying 'SOL'; there are ETH, BTC"),
            (
                {"coins": {"WSOL": {"im_haircut": 0.0, "mm_haircut": 0.0, "cancels": "SOL"}}},
                "collateral WSOL: no underlying 'SOL'",
            ),
            ({"joint": {"offset": 0.5}}, "an offset above 0 needs joint scenarios"),
            ({"joint": {"offset": 1.5, "scenarios": [[1.0, "up", 1.0]]}}, "less than or equal to 1"),
            ({"depth": 1}, "Extra inputs are not permitted"),
        ],
    )
    def test_they_are_named(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(ValidationError, match=message):
            ScenarioGridParameters.model_validate(changed(**changes))

    @pytest.mark.parametrize(
        ("scenario", "message"),
        [
            ([1.0, "sideways", 1.0], "'none', 'up', 'down', 'linear' or 'abs'"),
            ([-0.5, "up", 1.0], "greater than or equal to 0"),
        ],
    )
    def test_scenarios(self, scenario: list[Any], message: str) -> None:
        with pytest.raises(ValidationError, match=message):
            form(scenarios=[scenario])


class TestPlan:
    def test_underlyings_with_fewer_scenarios_are_filled_up_with_such_that_do_nothing(self) -> None:
        plan = plan_of(form(), MARKETS, COINS)
        assert plan.names == ("ETH", "BTC")
        assert plan.own == 13
        assert [len(s) for s in plan.scenarios] == [13, 11]
        assert plan.dampening[1, 11:].tolist() == [0.0, 0.0]

    def test_an_underlyings_spot_is_told_by_its_perpetual(self) -> None:
        plan = plan_of(form(), ["ETH-DATED", "ETH", "BTC"], [])
        assert plan.reference.tolist() == [1, 2]

    def test_collateral_may_move_with_an_underlying_that_no_market_is_on(self) -> None:
        plan = plan_of(form(), ["BTC"], ["WETH"])
        assert (plan.names, plan.reference.tolist()) == (("BTC", "ETH"), [0, -1])

    def test_without_an_offset_there_are_no_joint_scenarios(self) -> None:
        assert plan_of(form(), MARKETS, COINS).spot.shape == (2, 13)
        assert plan_of(form(0.5), MARKETS, COINS).spot.shape == (2, 18)

    def test_a_beta_cannot_take_a_spot_below_nothing(self) -> None:
        rules = form(0.5).model_dump()
        rules["underlyings"]["ETH"]["beta"] = 20.0
        plan = plan_of(ScenarioGridParameters.model_validate(rules), MARKETS, COINS)
        assert np.all(plan.spot >= 0.0)


def test_the_shipped_preset_is_derives() -> None:
    preset = load_preset("derive_pmrm")
    rules = preset.parameters
    assert isinstance(rules, ScenarioGridParameters)
    assert len(rules.grids["derive"].scenarios) == 31
    assert rules.joint.offset == 0.0
    assert {c: (x.im_haircut, x.mm_haircut, x.cancels) for c, x in rules.coins.items() if c in ("ETH", "CBBTC", "USDT")} == {
        "ETH": (0.005, 0.015, "ETH"), "CBBTC": (0.015, 0.04, "BTC"), "USDT": (0.03, 0.02, None),
    }  # fmt: skip
