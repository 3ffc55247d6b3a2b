"""Derive's known answers of portfolio margin, put to the scenario grid.

A case is one account of one underlying: a perpetual, collateral, and expiries with options on rows of strike, kind, size and
volatility; `initial` and `maintenance` are what is left above each requirement.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from abm.margin.families.scenario_grid import ScenarioGrid
from abm.margin.state import MarketState, Series
from abm.margin.statement import Leg, Position, Statement, ledger_of

__all__ = ["RULES"]

Case = Mapping[str, Any]

MARKET = "underlying"
FEEDS = ("confidence_threshold", "confidence_margin", "peg_loss_threshold", "peg_loss_factor")


def portfolio_margin(case: Case, parameters: Case) -> dict[str, Any]:
    """Initial and maintenance health of a case."""
    coins = case.get("collateral", [])
    names = [f"{i} {coin['asset']}" for i, coin in enumerate(coins)]
    engine = ScenarioGrid.build(_form(parameters, names, coins), [MARKET], names)
    perp = case.get("perp", {"size": 0.0})
    price = np.array([float(perp.get("price") or case["spot"]["price"])])
    coin_price = np.array([float(coin["price"]) for coin in coins])
    ledger = ledger_of([_statement(case, perp, price[0], names)], [MARKET], names)
    quiet = MarketState.quiet(price, coin_price, _series(case))
    state = replace(
        quiet,
        index=np.array([float(case["spot"]["price"])]),
        index_confidence=np.array([float(case["spot"].get("confidence", 1.0))]),
        perp_confidence=np.array([float(perp.get("confidence", 1.0))]),
        coin_confidence=np.array([float(coin.get("confidence", 1.0)) for coin in coins]),
        settlement_price=float(case.get("stable_price", 1.0)),
    )
    view = engine.assess(ledger, engine.terms(price, coin_price, state=state), np.array([0]))
    return {
        "initial": float(view.margin_equity[0] - view.im[0]),
        "maintenance": float(view.margin_equity[0] - view.mm[0]),
    }


def _form(parameters: Case, names: list[str], coins: list[Case]) -> Any:
    """The file's parameters in the form of the family."""
    more = dict(parameters["contingency"])
    feeds = {key: more.pop(key) for key in FEEDS}
    rules = ("scenarios", "vol_shock", "skew_shock", "margin", "basis")
    held = {
        name: {
            "im_haircut": coin.get("im_haircut", 0.0),
            "mm_haircut": coin.get("mm_haircut", 0.0),
            "cancels": MARKET if coin.get("risk_cancelling", False) else None,
        }
        for name, coin in zip(names, coins, strict=True)
    }
    form = {
        "grids": {"derive": {**{key: parameters[key] for key in rules}, "contingency": more}},
        "underlyings": {MARKET: {"grid": "derive"}},
        "markets": {MARKET: {"underlying": MARKET}},
        "coins": held,
        "feeds": feeds,
    }
    return ScenarioGrid.Parameters.model_validate(form)


def _statement(case: Case, perp: Case, price: float, names: list[str]) -> Statement:
    """The account; its unrealised profit and funding become the entry price."""
    size = float(perp["size"])
    due = float(perp.get("unrealised_pnl", 0.0)) + float(perp.get("unrealised_funding", 0.0))
    coins = case.get("collateral", [])
    return Statement(
        cash=float(case.get("cash", 0.0)) + (0.0 if size else due),
        collateral={name: float(coin["amount"]) for name, coin in zip(names, coins, strict=True)},
        positions=[Position(MARKET, size, price - due / size)] if size else [],
        legs=[Leg(n, float(row[2])) for n, (_, row) in enumerate(_rows(case))],
    )


def _rows(case: Case) -> Iterator[tuple[Case, Any]]:
    """The options of all expiries, each with its expiry."""
    for expiry in case.get("expiries", []):
        for row in expiry["options"]:
            yield expiry, row


def _series(case: Case) -> Series:
    """One series an option."""
    rows = list(_rows(case))

    def numbers(key: str, default: float | None = None) -> Any:
        return np.array([float(e[key] if default is None else e.get(key, default)) for e, _ in rows])

    return Series(
        np.zeros(len(rows), np.int16),
        np.array([row[1] == "call" for _, row in rows], np.bool_),
        np.array([float(row[0]) for _, row in rows]),
        numbers("seconds"),
        numbers("forward"),
        numbers("rate", 0.0),
        np.array([float(row[3]) for _, row in rows]),
        numbers("forward_confidence", 1.0),
        numbers("rate_confidence", 1.0),
        numbers("vol_confidence", 1.0),
    )


RULES: dict[str, Callable[[Case, Case], dict[str, Any]]] = {"portfolio_margin": portfolio_margin}
