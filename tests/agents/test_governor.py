"""A governor in a small world."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from abm.errors import ScenarioError
from abm.model import CrossMarginModel
from agents.governor import Governor
from tests.agents.worlds import fall, small_world

LIVELY = {"assets.BTC.volatility": 0.5, "assets.ETH.volatility": 0.5}


def governor(cadence: float = 20.0, **params: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {"protocol": "harbor", "delay": 30.0, "loosen_band": 0.05}
    return {"kind": "governor", "name": "gus", "cadence": cadence, "params": keys | params}


RETAIL = {
    "kind": "cohort", "name": "retail", "cadence": 10.0,
    "params": {"protocol": "harbor", "accounts": 300, "leverage": 10.0, "coins": [{"asset": "ETH", "accounts": 0.5, "part": 0.8}]},
}  # fmt: skip


def the_governor(model: CrossMarginModel) -> Governor:
    (agent,) = (a for a in model.inhabitants if isinstance(a, Governor))
    return agent


def decided(model: CrossMarginModel, kind: str, **of: Any) -> pl.DataFrame:
    return model.world.log.frame("events").filter(kind=kind, **of)


class TestMargins:
    def test_calm_moves_nothing(self) -> None:
        model = small_world([governor()])
        model.run()
        assert the_governor(model).actions == 0
        assert the_governor(model).target.margin_scale.tolist() == [1.0, 1.0]

    def test_a_crash_raises_them_in_steps_after_the_timelock(self) -> None:
        model = small_world([governor(step=0.2, ceiling=1.7)], LIVELY, prices=fall(-0.1))
        model.run()
        scales = decided(model, "margin", market="BTC-PERP")
        seen = 120.0  # the first sample of the variance after the fall
        assert seen + 30.0 < scales["time"][0] < seen + 20.0 + 30.0 + 5.0
        assert scales["amount"].to_list()[:4] == pytest.approx([1.2, 1.4, 1.6, 1.7])
        assert np.all(the_governor(model).target.margin_scale <= 1.7)

    def test_they_come_down_again(self) -> None:
        quick = {
            "venues.harbor-book.depth.volatility_halflife": 10.0,
            "venues.harbor-book.depth.refill": 15.0,
            "clock.duration": 600.0,
        }
        model = small_world([governor()], LIVELY | quick, prices=fall(-0.1))
        model.run()
        scales = decided(model, "margin", market="BTC-PERP")["amount"].to_list()
        assert max(scales) > 1.4
        assert scales[-1] < 1.3
        assert np.max(np.abs(np.diff([1.0, *scales]))) <= 0.25 + 1e-12

    def test_what_is_inside_the_band_is_left_alone(self) -> None:
        agent = the_governor(
            small_world([governor(tighten_band=0.3, loosen_band=0.4, depth=0.0, volatility=0.25)], LIVELY)
        )
        books, at = agent.world.books, agent.target.books
        for excess, scale in ((1.0, 1.0), (1.4, 1.25), (2.0, 1.25), (2.6, 1.5), (0.6, 1.5), (0.3, 1.25)):
            books.variance[at] = ((1.0 + excess) * books.usual[at]) ** 2
            agent.act()
            assert agent.scale == pytest.approx([scale, scale])

    def test_a_rise_liquidates_without_a_price_move_and_the_trace_says_so(self) -> None:
        model = small_world([governor(depth=0.0, floor=3.0), RETAIL], prices=fall(-0.02, at=290.0))
        model.run()
        breaches = model.world.log.frame("breaches").filter(pl.col("time") < 280.0)
        assert len(breaches) > 10
        fall_of = breaches["free_margin_start"] - breaches["free_margin"]
        assert (breaches["margin_fall"] / fall_of).median() > 0.8
        assert max(model.audits.values()) < 1e-9

    def test_a_decision_that_the_chain_drops_is_taken_anew(self) -> None:
        out = {"chains.alpha.outages": [[10.0, 150.0]], "chains.alpha.expiry": 20.0, "clock.duration": 400.0}
        model = small_world([governor(depth=0.0, floor=1.2, delay=20.0)], out)
        model.run()
        assert decided(model, "margin", market="BTC-PERP")["amount"].to_list() == pytest.approx([1.2])
        assert decided(model, "margin")["time"][0] >= 150.0


class TestHaircuts:
    def test_volatile_collateral_is_cut_more_up_to_the_ceiling(self) -> None:
        model = small_world([governor(haircut=0.05, haircut_ceiling=0.2)], LIVELY, prices=fall(-0.1))
        model.run()
        agent = the_governor(model)
        assert decided(model, "haircut")["asset"].unique().to_list() == ["ETH"]
        assert decided(model, "haircut")["amount"].to_list()[:2] == pytest.approx([0.15, 0.2])
        assert agent.target.haircut.tolist() == pytest.approx([0.2, 0.0])
        assert agent.target.terms.haircut.tolist() == pytest.approx([0.2, 0.0])

    def test_history_keeps_the_old_ones_and_breaches_name_the_rise(self) -> None:
        model = small_world(
            [governor(volatility=0.0, depth=0.0, haircut=0.3, haircut_ceiling=0.6, haircut_step=0.5), RETAIL], LIVELY,
            prices=fall(-0.03),
        )  # fmt: skip
        model.run()
        history = the_governor(model).target.history
        assert history.haircut[0].tolist() == [0.1, 0.0]
        assert history.haircut[history.count - 1, 0] == pytest.approx(0.6)
        assert (model.world.log.frame("breaches")["haircut_fall"] > 0.0).sum() > 5

    def test_without_the_key_they_stay(self) -> None:
        model = small_world([governor()], LIVELY, prices=fall(-0.1))
        model.run()
        assert the_governor(model).target.haircut.tolist() == [0.1, 0.0]
        assert len(decided(model, "haircut")) == 0


class TestErrors:
    def test_a_floor_above_the_ceiling_is_refused(self) -> None:
        with pytest.raises(ScenarioError, match=r"floor 4.0 exceeds ceiling 3.0"):
            small_world([governor(floor=4.0)])

    def test_a_haircut_above_one_is_refused(self) -> None:
        with pytest.raises(
            ScenarioError, match=r"agents.gus.params.haircut_ceiling: .*less than or equal to 1, got 1.5"
        ):
            small_world([governor(haircut_ceiling=1.5)])

    def test_an_unknown_protocol_is_named(self) -> None:
        with pytest.raises(ScenarioError, match=r"agents.gus.params.protocol: unknown protocol 'habor'; did you mean"):
            small_world([governor(protocol="habor")])
