"""Derive's known answers of portfolio margin: what is left above the initial and the maintenance requirement.

Figures of the public repository derivexyz/v2-core, test/risk-managers/unit-tests/PMRM_2/portfolio_cases, by name of the
case; those with other parameters than the preset's name them.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from abm.margin.families.scenario_grid import ScenarioGrid
from abm.margin.portfolio.parameters import ScenarioGridParameters
from abm.margin.preset import load_preset
from abm.margin.state import MarketState, Series
from abm.margin.statement import Leg, Position, Statement, ledger_of

ETH, BTC = 2681.6029850999994, 95663.50604855


@dataclass
class Case:
    """One account of one underlying; an expiry is (seconds, forward, rate, rows of strike, kind, size, volatility)."""

    asset: str
    spot: float
    initial: float
    maintenance: float
    cash: float = 0.0
    perp: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Size, price and unrealised profit."""
    sure: tuple[float, float, float] = (1.0, 1.0, 0.95)
    """Confidence of spot, perpetual and volatility."""
    coins: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Amount and price."""
    expiries: list[tuple[float, float, float, list[tuple[float, str, float, float]]]] = field(default_factory=list)
    grid: dict[str, dict[str, Any]] = field(default_factory=dict)
    stable: float = 1.00019088635


BOX = [(100000.0, 0.5543377511787965), (110000.0, 0.5592157396329432)]
LONG_BOX = [(100000.0, "call", 1.0, BOX[0][1]), (110000.0, "call", -1.0, BOX[1][1]),
            (100000.0, "put", -1.0, BOX[0][1]), (110000.0, "put", 1.0, BOX[1][1])]  # fmt: skip
SHORT_BOX = [(strike, kind, -size, vol) for strike, kind, size, vol in LONG_BOX]
HALF_YEAR = (18938852.0, 100374.61000117072)

CASES = {
    "collateral_cash_only": Case("ETH", ETH, 1000.0, 1000.0, cash=1000.0),
    "structures_ITM_call_spread": Case(
        "ETH", ETH, -213.40509129365722, -206.6664205061025,
        expiries=[(794852.0, 2682.9997436016715, 0.15000000000000002,
                   [(2000.0, "call", -1.0, 1.05566815917837), (2200.0, "call", 1.0, 0.8887739594928362)])],
    ),
    "structures_long_box": Case("BTC", BTC, 8029.6313880590305, 8307.131140595613, expiries=[(*HALF_YEAR, 0.1, LONG_BOX)]),
    "structures_marking_up": Case(
        "BTC", BTC, -4432.789122657428, -3876.2869517372537, expiries=[(*HALF_YEAR, 3.0, SHORT_BOX)],
        grid={"margin": {"long_static_discount": 1.0}},
    ),
    "discounting_negative_rate": Case(
        "BTC", BTC, -10000.000000000004, -10000.000000000004, expiries=[(*HALF_YEAR, -1.2, SHORT_BOX)]
    ),
    "structures_risk_reversal_dn": Case(
        "ETH", 2681.0, -151.7861049071551, -118.85126564539434, perp=(-0.354, 2681.0, 0.0),
        expiries=[(1399652.0, 2687.1439750528034, 0.16999999999999998,
                   [(3100.0, "call", 1.0, 0.6826604391503175), (2375.0, "put", -1.0, 0.689188821287917)])],
    ),
    "perps_basic_perp_low_confidence_2": Case(
        "ETH", 3000.0, -4380.0, -1521.0, perp=(-1.0, 4000.0, -900.0), sure=(0.2, 0.1, 0.95)
    ),
    "v20_remnants_v20_test_2_long_call": Case(
        "ETH", ETH, 29.655702000696692, 66.45704396072537,
        expiries=[(3214052.0, 2695.7814942763334, 0.21000000000000002, [(2700.0, "call", 1.0, 0.6425252744469268)])],
    ),
    "v20_remnants_v20_test_6_low_perp_conf_no_impact": Case(
        "ETH", 3000.0, -4740.496330315975, 69.65288097789352, sure=(0.2, 1.0, 0.95),
        expiries=[(3214052.0, 3014.178509176334, 0.21000000000000002,
                   [(1700.0, "call", 1.0, 0.981510069021587), (1800.0, "call", -1.0, 0.938667615013681)])],
    ),
    "discounting_multi_expiry_discounting": Case(
        "BTC", BTC, -94908.87072619566, -81147.83852296828,
        expiries=[(*HALF_YEAR, 0.2, [(100000.0, "call", 1.5, BOX[0][1]), (120000.0, "put", 2.1, 0.5665119096978181)]),
                  (11076452.0, 98198.07812501276, 0.1, [(120000.0, "put", -4.0, 0.5646450091750466)])],
    ),
    "min_shock_min_eval_vol_shock": Case(
        "ETH", 2500.0, -29954.541758564064, -5997.725418886978, sure=(0.9, 1.0, 0.4),
        expiries=[(794852.0, 2501.396758501672, 0.15000000000000002, [(2500.0, "call", -15.0, 0.14679432572503934)])],
        grid={"vol_shock": {"min_vol_up": 1.0}},
    ),
    "risk_cancelling_btc_covered_call": Case(
        "BTC", BTC, 74395.66964312586, 78744.92602874589, coins={"BTC": (1.0, BTC)},
        expiries=[(794852.0, 95776.67392708939, 0.15000000000000002, [(100000.0, "call", -2.0, 0.453803924321583)])],
    ),
}  # fmt: skip


def series(case: Case) -> Series:
    """The options of a case."""
    rows = [(*expiry[:3], *row) for expiry in case.expiries for row in expiry[3]]
    seconds, forward, rate, strike, _, _, vol = (
        (np.array(c) for c in zip(*rows, strict=True)) if rows else [np.zeros(0)] * 7
    )
    call, ones = np.array([row[4] == "call" for row in rows], np.bool_), np.ones(len(rows))
    return Series(
        np.zeros(len(rows), np.int16), call, strike, seconds, forward, rate, vol, ones, ones, case.sure[2] * ones
    )  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_derives_known_answers(name: str) -> None:
    case = CASES[name]
    form = load_preset("derive_pmrm").parameters.model_dump()
    for table, values in case.grid.items():
        form["grids"]["derive"][table].update(values)
    coins = tuple(case.coins)
    engine = ScenarioGrid.build(ScenarioGridParameters.model_validate(form), (case.asset,), coins)
    size, price, due = case.perp
    prices = np.array([price if size else case.spot])
    coin_prices = np.array([price for _, price in case.coins.values()])
    account = Statement(
        case.cash,
        {coin: amount for coin, (amount, _) in case.coins.items()},
        [Position(case.asset, size, price - due / size)] if size else [],
        [Leg(n, row[2]) for n, row in enumerate(row for expiry in case.expiries for row in expiry[3])],
    )
    state = replace(
        MarketState.quiet(prices, coin_prices, series(case)), index=np.array([case.spot]),
        index_confidence=np.array([case.sure[0]]), perp_confidence=np.array([case.sure[1]]), settlement_price=case.stable,
    )  # fmt: skip
    ledger = ledger_of([account], (case.asset,), coins)
    view = engine.assess(ledger, engine.terms(prices, coin_prices, state=state), np.array([0]))
    assert view.margin_equity[0] - view.im[0] == pytest.approx(case.initial, rel=1e-9)
    assert view.margin_equity[0] - view.mm[0] == pytest.approx(case.maintenance, rel=1e-9)
