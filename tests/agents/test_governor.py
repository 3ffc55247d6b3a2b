"""A governor in a small world."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from abm.errors import ScenarioError, UserError
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


FORECAST = {"rule": "forecast", "period": 20.0, "close_out": 3600.0, "tail": 0.0, "floor": 0.01, "ceiling": 20.0}


def usual_margin(agent: Governor, times: float = 1.0) -> np.ndarray:
    """The 99 % move over the close-out time at a multiple of the usual volatility, over the protocol's fractions."""
    usual = agent.world.books.usual[agent.target.books]
    return np.asarray(2.3263479 * times * usual * np.sqrt(agent.params.close_out) / 0.03)


class TestForecast:
    def test_with_nothing_seen_the_usual_volatility_is_expected(self) -> None:
        agent = the_governor(small_world([governor(**FORECAST)], LIVELY))
        assert agent.called_for() == pytest.approx(usual_margin(agent), rel=1e-6)

    def test_a_crash_raises_margins_in_steps_after_the_timelock_and_they_come_down(self) -> None:
        keys = FORECAST | {"floor": 1.0, "ceiling": 1.7, "step": 0.2, "close_out": 900.0, "loosen_band": 0.05}
        model = small_world([governor(**keys)], LIVELY | {"clock.duration": 3600.0}, prices=fall(-0.1))
        model.run()
        scales = decided(model, "margin", market="BTC-PERP")
        assert scales["time"][0] > 60.0 + 30.0
        assert scales["amount"].to_list()[:4] == pytest.approx([1.2, 1.4, 1.6, 1.7])
        assert scales["amount"][-1] < 1.2

    @pytest.mark.parametrize("name", ["ewma", "ewma-fitted", "har"])
    def test_what_it_forecasts_follows_what_it_has_seen(self, name: str) -> None:
        """Three times the usual volatility for two hours."""
        agent = the_governor(small_world([governor(**FORECAST | {"close_out": 60.0}, model=name)], LIVELY))
        rng = np.random.default_rng(1)
        price = agent.world.books.last[agent._watched].copy()
        usual = agent.world.books.usual[agent._watched]
        assert agent._outlook is not None
        for turn in range(360):
            agent._outlook.look(20.0 * turn, price)
            price = price * np.exp(3.0 * usual * np.sqrt(20.0) * rng.standard_normal(len(price)))
        assert agent.called_for() == pytest.approx(usual_margin(agent, 3.0), rel=0.35)

    def test_tools_against_pro_cyclicality_in_calm(self) -> None:
        """A floor changes nothing at the usual volatility, stress adds three quarters of it, a buffer a quarter."""
        found = {}
        for tool in ("none", "floor", "stress", "buffer"):
            agent = the_governor(small_world([governor(**FORECAST, procyclicality=tool, stress=4.0)], LIVELY))
            found[tool] = float((agent.called_for() / usual_margin(agent))[0])
        assert found == pytest.approx({"none": 1.0, "floor": 1.0, "stress": 1.75, "buffer": 1.25}, rel=1e-6)

    def test_below_the_usual_volatility_a_floor_holds(self) -> None:
        quiet = {}
        for tool in ("none", "floor"):
            agent = the_governor(small_world([governor(**FORECAST, procyclicality=tool)], LIVELY))
            assert agent._outlook is not None
            for turn in range(100):
                agent._outlook.look(20.0 * turn, agent.world.books.last[agent._watched])
            quiet[tool] = float((agent.called_for() / usual_margin(agent))[0])
        assert quiet["none"] < 0.1
        assert quiet["floor"] == pytest.approx(1.0)

    def test_haircuts_cover_the_move_and_the_sale(self) -> None:
        keys = FORECAST | {"sale": 1e6, "haircut_ceiling": 0.9}
        agent = the_governor(small_world([governor(**keys)], LIVELY))
        books, spot = agent.world.books, int(agent._spots[0])
        move = 2.3263479 * books.usual[spot] * 60.0
        cost = books.coefficient[spot] * np.sqrt(1e6 / books.depth[spot])
        assert agent._haircuts().tolist() == pytest.approx([max(0.1, move + cost), 0.0], rel=1e-6)
        books.depth[spot] /= 1600.0
        assert agent._haircuts()[0] == pytest.approx(move + 40.0 * cost, rel=1e-6)

    def test_a_history_is_learned_from_before_the_run(self, tmp_path: Path) -> None:
        """Volatile at the end of the file: margins begin high."""
        rng = np.random.default_rng(2)
        scale = np.concatenate([np.full(300, 1e-4), np.full(60, 5e-4)])
        frames = [
            pl.DataFrame(
                {
                    "time": 1_700_000_000 + 20 * np.arange(360),
                    "symbol": coin,
                    "close": 100.0 * np.exp(np.cumsum(scale * rng.standard_normal(360))),
                }
            )
            for coin in ("BTCUSDT", "ETHUSDT")
        ]
        path = tmp_path / "bars.parquet"
        pl.concat(frames).write_parquet(path)
        for name in ("ewma", "har", "garch", "boosting"):
            agent = the_governor(
                small_world([governor(**FORECAST | {"close_out": 60.0}, model=name, history=str(path))], LIVELY)
            )
            assert np.all(agent.called_for() > 1.3 * usual_margin(agent)), name

    def test_a_run_with_a_fitted_model_adds_up_and_repeats(self) -> None:
        keys = FORECAST | {
            "model": "har",
            "period": 10.0,
            "refit": 5,
            "close_out": 30.0,
            "sale": 1e5,
            "procyclicality": "buffer",
        }
        runs = []
        for _ in range(2):
            model = small_world(
                [governor(10.0, **keys), RETAIL], LIVELY | {"clock.duration": 1200.0}, prices=fall(-0.05)
            )
            model.run()
            assert the_governor(model)._outlook._models[0] is not None  # type: ignore[union-attr]
            assert max(model.audits.values()) < 1e-9
            runs.append(model.world.log.frame("events"))
        assert runs[0].equals(runs[1])
        assert len(runs[0].filter(kind="margin")) > 0


class TestErrors:
    @pytest.mark.parametrize(
        ("keys", "message"),
        [
            ({"model": "har"}, r'model is not read by rule "reactive"; leave it out, or set rule = "forecast"'),
            ({"rule": "forecast", "haircut": 0.1}, r'haircut is not read by rule "forecast"; leave it out'),
            ({"rule": "forecast", "tail": 1.5}, r"tail must be 0 \(normal\) or > 2, got 1.5"),
            ({"rule": "forecast", "history": "none.parquet"}, r"none.parquet: no such file"),
            ({"rule": "static"}, r"agents.gus.params.rule: .*'reactive' or 'forecast'"),
        ],
    )
    def test_keys_that_do_not_fit_are_refused(self, keys: dict[str, Any], message: str) -> None:
        with pytest.raises(UserError, match=message):
            small_world([governor(**keys)])

    def test_a_resolved_scenario_with_all_defaults_is_read_again(self) -> None:
        model = small_world([governor()])
        assert model.description.agents[0].params["model"] == "ewma"
        small_world([model.description.agents[0].model_dump(mode="json")])

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
