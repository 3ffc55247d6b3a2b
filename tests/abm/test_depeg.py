"""A stable coin leaves its peg: felt where the oracle has a price of it, refused where nothing has."""

from typing import Any

import pytest

from abm.errors import ScenarioError
from abm.model import CrossMarginModel
from abm.scenario import Scenario
from agents.population import populate
from tests.abm.test_conservation import causes_add_up, falls_add_up
from tests.abm.worlds import KEEPERS, cohort
from tests.agents.worlds import description, small_world

TRADED = {"asset": "USDC", "kind": "spot", "depth": 1e7}


EBB = {"name": "ebb", "at": 10.0, "over": 5.0, "move": -0.003}
"""A fall that takes less than a tenth of anybody's equity, and breaches nobody."""

DEPEG = {"name": "depeg", "at": 30.0, "over": 10.0, "move": -0.10, "assets": ["USDC"]}


def world(*, priced: bool = True, **replace: Any) -> dict[str, Any]:
    """The small world at high leverage, with collateral on the other chain that loses a tenth."""
    data = description() | {"clock": {"duration": 90.0}, "prices": {"shocks": [EBB, DEPEG]}}
    holders = [{"asset": "USDC", "chain": "beta", "accounts": 0.5, "part": 1.0}]
    still = {
        "trades": 0.0,
        "deleverage": 0.0,
        "top_ups": 0.0,
        "stop_share": 0.0,
        "leverage": 24.0,
        "leverage_sigma": 0.0,
        "long_share": 1.0,
    }
    data["agents"] = [cohort(coins=holders, accounts=60, **still), KEEPERS]
    for market in data["protocols"][0]["markets"]:
        market |= {"imf": 0.04, "mmf": 0.038}
    if priced:
        data["venues"][1]["markets"].append(TRADED)
    return data | replace


def holders(model: CrossMarginModel) -> set[int]:
    """Accounts with collateral on the other chain."""
    ledger = model.world.protocols["harbor"].ledger
    return set(ledger.id[ledger.coins[:, 1] > 0.0].tolist())


def test_a_depeg_of_priced_collateral_breaches_who_holds_it_and_nobody_else() -> None:
    model = populate(CrossMarginModel(Scenario.from_dict(world())))
    held = holders(model)
    model.run()
    assert model.world.protocols["harbor"].terms.coin_price[1] == pytest.approx(0.9, rel=0.006)
    record = model.record()
    assert 20 < len(held) < 40
    assert set(record["breaches"]["account"].to_list()) == held
    first = record["breaches"].sort("breach")["breach"][0]
    news = record["cascade_edges"].filter(child_kind="breach", child=first, channel="news")
    assert news["share"].to_list() == [pytest.approx(1.0, abs=1e-6)]
    falls_add_up(record)
    causes_add_up(record)


def test_without_the_depeg_nobody_breaches() -> None:
    model = populate(CrossMarginModel(Scenario.from_dict(world(prices={"shocks": [EBB]}))))
    model.run()
    assert model.record()["breaches"].is_empty()


def test_a_shock_on_a_coin_that_no_venue_trades_is_refused() -> None:
    told = (
        "prices.shocks.1.assets: shock 'depeg' moves USDC, which no venue trades, .*; add a market of USDC to a venue"
    )
    with pytest.raises(ScenarioError, match=told):
        Scenario.from_dict(world(priced=False))


def test_a_shock_on_collateral_that_the_oracle_does_not_price_is_refused() -> None:
    data = world()
    data["oracles"][0]["assets"] = ["BTC", "ETH"]
    told = (
        "shock 'depeg' moves USDC, which 'harbor' counts at par, as its oracle 'feed' has no price of it; add USDC to"
    )
    with pytest.raises(ScenarioError, match=told):
        Scenario.from_dict(data)
    data["oracles"][0]["assets"].append("USDC")
    assert Scenario.from_dict(data).oracles[0].assets == ("BTC", "ETH", "USDC")


def test_a_shock_on_a_traded_coin_that_is_nobodys_collateral_is_taken() -> None:
    data = world()
    data["oracles"][0]["assets"] = ["BTC", "ETH"]
    del data["protocols"][0]["collateral"][1]
    data["agents"] = []
    assert Scenario.from_dict(data).prices.shocks[1].assets == ("USDC",)


def test_the_coin_that_all_are_paid_in_is_quoted_and_never_bought_with_itself() -> None:
    """Bought for itself at ninety cents it would be free money."""
    data = world()
    data["venues"].append({"name": "kiosk", "markets": [TRADED, {"asset": "BTC", "depth": 1e6}]})
    arb = {"kind": "arbitrageur", "name": "arb", "params": {"capital": 1e6}}
    model = small_world([arb], venues=data["venues"])
    assert {leg.asset for leg in model.inhabitants[0].legs} == {"BTC", "ETH"}
    hedger = {"protocol": "harbor", "market": "USDC", "venue": "bourse", "coins": 10.0}
    with pytest.raises(ScenarioError, match="harbor has no market of 'USDC'"):
        small_world([{"kind": "hedger", "name": "hal", "params": hedger}], venues=data["venues"])
    assert model.world.protocols["harbor"].spot_books == (model.world.spots["ETH"][0], -1)
