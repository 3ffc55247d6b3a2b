"""dYdX v4's known answers, put to the weighted family and its rules.

Each rule takes a case and the file's parameters, and gives what the case asks for by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from abm.margin.families.weighted import Weighted, WeightedMarket, WeightedParameters, initial_fraction
from abm.margin.rules.bankruptcy_value import bankruptcy_value
from abm.margin.rules.fillable_price import bankruptcy_rating, fillable_price
from abm.margin.rules.insurance_fund_delta import insurance_fund_delta
from abm.margin.statement import Position, Statement, ledger_of

__all__ = ["RULES"]

Case = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Account:
    """What the rules need of a case's account: the whole, and the position in the case's market."""

    net_collateral: float
    maintenance: float
    size: float
    price: float
    fraction: float


def _account(case: Case, parameters: Case) -> _Account:
    """The case's account as the engine values it; its quote balance is this ledger's quote number."""
    markets, held = parameters["markets"], case["account"].get("positions", {})
    form = WeightedParameters(markets={m: WeightedMarket(imf=f["imf"], mmf=f["mmf"]) for m, f in markets.items()})
    engine = Weighted.build(form, tuple(markets), ())
    prices = {m: float(f["price"]) for m, f in markets.items()}
    positions = tuple(Position(m, float(size), prices[m]) for m, size in held.items() if size)
    cash = float(case["account"].get("quote", 0.0)) + sum(p.size * p.entry for p in positions)
    ledger = ledger_of([Statement(cash=cash, positions=positions)], tuple(markets), ())
    terms = engine.terms(np.array(list(prices.values())), np.zeros(0))
    view = engine.assess(ledger, terms, np.array([0]))
    own = markets[case["market"]]
    return _Account(
        float(view.margin_equity[0]), float(view.mm[0]), float(held.get(case["market"], 0.0)), float(own["price"]),
        float(own["mmf"]),
    )  # fmt: skip


def _closing(of: _Account, delta: float) -> float:
    """Bankruptcy value of a trade."""
    return float(bankruptcy_value(of.net_collateral, of.maintenance, of.size, delta, of.price, of.fraction))


def _bankruptcy_price(case: Case, parameters: Case) -> dict[str, Any]:
    return {"quote": _closing(_account(case, parameters), float(case["close_size"]))}


def _fillable_price(case: Case, parameters: Case) -> dict[str, Any]:
    of = _account(case, parameters)
    rating = bankruptcy_rating(of.net_collateral, of.maintenance, case["bankruptcy_adjustment"])
    return {"price": float(fillable_price(of.size, of.price, of.fraction, rating, case["spread_to_maintenance"]))}


def _insurance_fund_delta(case: Case, parameters: Case) -> dict[str, Any]:
    delta = float(case["fill_size"])
    bankruptcy = _closing(_account(case, parameters), delta)
    return {"delta": float(insurance_fund_delta(delta, case["fill_price"], bankruptcy, case["max_liquidation_fee"]))}


def _open_interest_margin_fraction(case: Case, _: Case) -> dict[str, Any]:
    figures = (case[name] for name in ("base_imf", "open_notional", "lower_cap", "upper_cap"))
    return {"imf": float(initial_fraction(*(np.array(x, dtype=np.float64) for x in figures)))}


RULES: dict[str, Callable[[Case, Case], dict[str, Any]]] = {
    "bankruptcy_price": _bankruptcy_price,
    "fillable_price": _fillable_price,
    "insurance_fund_delta": _insurance_fund_delta,
    "open_interest_margin_fraction": _open_interest_margin_fraction,
}
