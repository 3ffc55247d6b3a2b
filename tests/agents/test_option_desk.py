"""Writers and buyers of options: what they hold, how they hedge, and what their hedging does."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from abm.errors import ScenarioError
from abm.model import CrossMarginModel
from abm.option_legs import legs_of
from abm.protocol.options.exposure import net_delta
from agents.option_buyer import OptionBuyer
from agents.option_desk import OptionDesk
from agents.option_writer import OptionWriter
from agents.population import populate
from tests.abm.protocol.options.worlds import EXPIRY, options_model, options_scenario
from tests.agents.worlds import fall, small_scenario


def desk(kind: str, name: str = "desk", cadence: float = 5.0, **params: Any) -> dict[str, Any]:
    keys = {
        "protocol": "harbor", "market": "BTC", "capital": 1e6, "measure": "number", "target": 10.0, "tenor": 7200.0,
    }  # fmt: skip
    return {"kind": kind, "name": name, "cadence": cadence, "jitter": 0.0, "params": keys | params}


def agent(model: CrossMarginModel, name: str = "desk") -> OptionDesk:
    found = next(a for a in model.inhabitants if a.name == name)
    assert isinstance(found, OptionWriter | OptionBuyer)
    return found


def legs(one: OptionDesk) -> dict[str, float]:
    names = one.target.options.listing.names  # type: ignore[union-attr]
    return {names[s].split("-", 2)[2]: float(n) for s, n in zip(*one.options(), strict=True)}


@pytest.mark.parametrize(
    ("kind", "params", "held", "coins"),
    [
        ("option_writer", {"structure": "straddle", "hedge": False}, {"50000-C": -10.0, "50000-P": -10.0}, 0.0),
        ("option_writer", {"structure": "strangle", "distance": 0.1, "hedge": False}, {"55000-C": -10.0, "45000-P": -10.0}, 0.0),
        ("option_writer", {"structure": "covered_call", "distance": 0.02}, {"51000-C": -10.0}, 10.0),
        ("option_buyer", {"structure": "protective_put", "distance": 0.02}, {"49000-P": 10.0}, 10.0),
        ("option_buyer", {"structure": "straddle", "hedge": False}, {"50000-C": 10.0, "50000-P": 10.0}, 0.0),
    ],
)  # fmt: skip
def test_a_desk_opens_with_its_structure_and_its_cover(
    kind: str, params: dict[str, Any], held: dict[str, float], coins: float
) -> None:
    one = agent(options_model([desk(kind, **params)]))
    assert legs(one) == pytest.approx(held)
    assert one.size(one.target, one._account, 0) == coins
    assert one.wealth() == pytest.approx(1e6 + 100.0)


@pytest.mark.parametrize(("measure", "target"), [("vega", 300.0), ("premium", 2e3)])
def test_it_holds_as_much_as_its_measure_asks_for(measure: str, target: float) -> None:
    model = options_model([desk("option_writer", measure=measure, target=target)])
    one = agent(model)
    series, sizes = one.options()
    assert float(np.abs(sizes) @ one._measure(series)) == pytest.approx(target, rel=1e-12)


def test_and_no_more_than_its_margin_allows() -> None:
    model = options_model([desk("option_writer", target=100.0, capital=2e5)])
    one = agent(model)
    p, rows = one.target, np.array([one.target.ledger.row(one._account)])
    assert one.contracts() in (50.0, 25.0, 12.5)
    view = p.engine.assess(p.ledger, p.terms, rows)
    assert view.margin_equity[0] >= view.im[0]


def flows(kind: str, move: float) -> tuple[OptionDesk, list[float], list[float]]:
    """A desk through a move of all prices: its net delta after each order, the orders, signed coins."""
    model = options_model(
        [desk(kind, structure="straddle", band=0.03)], {"clock.duration": 200.0}, prices=fall(move, at=60.0, over=60.0)
    )
    one, offs, sizes = agent(model), [], []
    trade = one._trade_hedge

    def watched(seen: float) -> None:
        before = one.size(one.target, one._account, 0)
        trade(seen)
        sizes.append(one.size(one.target, one._account, 0) - before)
        offs.append(one.off())

    one._trade_hedge = watched  # type: ignore[method-assign]
    model.run()
    return one, offs, sizes


@pytest.mark.parametrize("kind", ["option_writer", "option_buyer"])
@pytest.mark.parametrize("move", [-0.04, 0.04])
def test_net_delta_is_within_the_band_after_every_turn(kind: str, move: float) -> None:
    one, offs, _ = flows(kind, move)
    assert len(offs) >= 3
    assert np.max(np.abs(offs)) <= 0.03 * one.contracts()
    options, perpetual = net_delta(one.target, one.target.ledger.row(one._account), 0)
    assert abs(options + perpetual) <= 0.03 * one.contracts()


@pytest.mark.parametrize("move", [-0.04, 0.04])
def test_hedging_short_gamma_goes_with_the_move_and_long_gamma_against_it(move: float) -> None:
    short, long = (flows(kind, move)[2] for kind in ("option_writer", "option_buyer"))
    assert all(size * move > 0.0 for size in short)
    assert all(size * move < 0.0 for size in long)
    assert abs(sum(short)) > 3.0
    assert abs(sum(long)) > 3.0


def test_where_trades_move_prices_a_writers_hedge_deepens_the_fall_and_a_buyers_softens_it() -> None:
    lows = {}
    for kind in ("option_writer", "option_buyer"):
        for hedge in (True, False):
            model = options_model(
                [desk(kind, structure="straddle", hedge=hedge, target=100.0, capital=2e7, cadence=2.0)],
                {"clock.duration": 150.0, "record.markets": 1.0, "venues.harbor-book.markets.0.depth": 2e6}, free=False,
                prices=fall(-0.04, at=60.0, over=60.0),
            )  # fmt: skip
            model.run()
            markets = model.record()["markets"].filter(market="BTC-PERP")
            lows[kind, hedge] = float(markets["last"].min())
    assert lows["option_writer", True] < lows["option_writer", False]
    assert lows["option_buyer", True] > lows["option_buyer", False]


def test_covers_stay_where_they_are_in_a_fall() -> None:
    model = options_model(
        [desk("option_writer", "calls", structure="covered_call"), desk("option_buyer", "puts")],
        {"clock.duration": 200.0}, prices=fall(-0.04),
    )  # fmt: skip
    model.run()
    for name in ("calls", "puts"):
        one = agent(model, name)
        assert one.size(one.target, one._account, 0) == 10.0
        assert one.actions == 0


def test_it_rolls_into_the_next_expiry_before_its_own_comes() -> None:
    model = options_model(
        [desk("option_buyer", roll=3600.0)], {"clock.duration": EXPIRY - 3000.0},
        options=[{"expiries": [EXPIRY, 3 * EXPIRY]}], audit={"interval": 600.0},
    )  # fmt: skip
    one = agent(model)
    first = one.target.options.listing.expiry[one.options()[0]]  # type: ignore[union-attr]
    model.run()
    second = one.target.options.listing.expiry[one.options()[0]]  # type: ignore[union-attr]
    assert (first.tolist(), second.tolist()) == ([EXPIRY], [3 * EXPIRY])
    trades = model.record()["option_trades"]
    assert trades["kind"].to_list() == ["open", "trade", "trade"]
    assert trades["quantity"].to_list() == pytest.approx([10.0, -10.0, 10.0])


def test_without_a_later_expiry_it_holds_nothing_and_its_hedge_is_gone() -> None:
    model = options_model(
        [desk("option_writer", hedge=True)], {"clock.duration": EXPIRY + 60.0}, audit={"interval": 600.0}
    )
    model.run()
    one = agent(model)
    assert one.contracts() == 0.0
    assert one.size(one.target, one._account, 0) == pytest.approx(0.0, abs=1e-9)
    assert len(legs_of(one.target.ledger, np.arange(len(one.target.ledger)))[0]) == 0


def test_the_record_tells_of_it() -> None:
    model = options_model([desk("option_writer", structure="straddle")], {"clock.duration": 120.0}, prices=fall(-0.03))
    model.run()
    record = model.record()
    greeks = record["greeks"].filter(cohort="desk")
    assert greeks["time"].to_list() == [0.0, 60.0, 120.0]
    assert (greeks["gamma"] < 0.0).all()
    assert (greeks["vega"] < 0.0).all()
    assert (greeks["theta"] > 0.0).all()
    assert (greeks["net_delta"].abs() <= 0.5 + 1e-9).all()
    totals = (
        record["greeks"]
        .filter(pl.col("cohort").is_in(["", "street:harbor"]))
        .group_by("time")
        .agg(pl.col("vega").sum())
    )
    assert totals["vega"].abs().max() < 1e-6
    marks = record["option_marks"].filter(series="BTC-20251010T030000-50000-C")
    assert marks["open_interest"].to_list() == pytest.approx([10.0, 10.0, 10.0])
    assert marks["vol"].to_list() == sorted(marks["vol"].to_list())


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"market": "ETH"}, r"harbor has no options on ETH.*name one of BTC"),
        ({"tenor": 3000.0, "roll": 3600.0}, "tenor 3000.0 is not above roll 3600.0"),
        ({"structure": "butterfly"}, "structure"),
        ({"protocol": "quay"}, "unknown protocol 'quay'"),
    ],
)
def test_a_mistake_is_named(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        options_model([desk("option_writer", **params)])


def test_a_protocol_without_options_has_none_for_it() -> None:
    with pytest.raises(ScenarioError, match="add a table"):
        populate(CrossMarginModel(small_scenario([desk("option_writer")])))


def test_two_runs_are_alike_to_the_last_bit() -> None:
    def run() -> dict[str, pl.DataFrame]:
        scenario = options_scenario(
            [desk("option_writer", "w", structure="straddle"), desk("option_buyer", "b", structure="strangle")],
            {"clock.duration": 120.0, "assets.BTC.volatility": 0.8}, free=False,
        )  # fmt: skip
        model = populate(CrossMarginModel(scenario))
        model.run()
        return model.record().tables

    one, other = run(), run()
    assert all(one[name].equals(other[name]) for name in one)
