"""GMX v2's known answers, put to the pool-priced family and its rules.

Each rule takes a case and the file's parameters, and gives what the case asks for by name.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from abm.margin.families.pool_priced import PoolPriced
from abm.margin.families.pool_priced_parameters import PoolCoin, PoolMarket, PoolPricedParameters
from abm.margin.rules.borrowing_fee import borrowing_factor, borrowing_fee
from abm.margin.rules.capped_profit import adl_enabled, capped_profit, capped_side_profit, pool_value
from abm.margin.rules.execution_price import decrease_price, increase_price
from abm.margin.rules.pool_funding import (
    AdaptiveFunding,
    funding_imbalance,
    next_saved_factor,
    paid_factor,
    static_funding_paid,
)
from abm.margin.rules.pool_liquidation import liquidatable, liquidation_payout
from abm.margin.rules.price_impact import capped_cost, impact_curve, price_impact, worse_impact
from abm.margin.state import MarketState
from abm.margin.statement import Position, Statement, ledger_of

__all__ = ["RULES"]

Case = Mapping[str, Any]


def _side(case: Case) -> float:
    return -1.0 if case.get("side", "long") == "short" else 1.0


def _impact_curve(case: Case, _: Case) -> dict[str, Any]:
    return {"usd": float(impact_curve(float(case["imbalance"]), float(case["factor"]), float(case["exponent"])))}


def _price_impact(case: Case, _: Case) -> dict[str, Any]:
    """What an order is paid for the balance it leaves, and its execution price."""
    side, opens = _side(case), case["action"] == "increase"
    size, price = float(case["size_usd"]), float(case["index_price"])
    moved = side * size if opens else -side * size
    curve = float(case["positive_factor"]), float(case["negative_factor"]), float(case["exponent"])
    skew = float(case["long_open_interest"]) - float(case["short_open_interest"])
    impact = own = float(price_impact(skew, skew + moved, *curve))
    if case.get("virtual_imbalance") is not None:
        virtual = float(case["virtual_imbalance"])
        impact = float(worse_impact(own, price_impact(virtual, virtual + moved, *curve)))
    if opens:
        executed = float(increase_price(size, price, impact, side))
    else:
        entry = case.get("entry_price")
        executed = float(decrease_price(size, price, price if entry is None else float(entry), impact, side))
    return {"impact_usd": impact, "execution_price": executed}


def _adaptive_funding(case: Case, _: Case) -> dict[str, Any]:
    """The next saved factor, and what is paid."""
    increase, decrease = float(case["increase_per_second"]), float(case.get("decrease_per_second", 0.0))
    rule = AdaptiveFunding(
        increase, decrease, float(case.get("stable_threshold", 0.0)),
        float(case.get("decrease_threshold", 0.0)), float(case.get("exponent", 1.0)),
        float(case.get("min_factor", 0.0)), float(case.get("max_factor", 1.0)),
    )  # fmt: skip
    interest = float(case["long_open_interest"]), float(case["short_open_interest"])
    saved = float(next_saved_factor(float(case["saved"]), *interest, float(case["seconds"]), rule))
    return {
        "next_saved": saved,
        "factor_per_second": float(paid_factor(saved, rule)),
        "longs_pay": bool(saved > 0.0),
    }


def _static_funding(case: Case, _: Case) -> dict[str, Any]:
    longs, shorts = float(case["long_open_interest"]), float(case["short_open_interest"])
    factor, exponent = float(case["funding_factor"]), float(case.get("exponent", 1.0))
    most = float(case.get("max_factor", np.inf))
    paid = float(static_funding_paid(longs, shorts, float(case["seconds"]), factor, exponent, most))
    rate = min(factor * float(funding_imbalance(longs, shorts, exponent)), most)
    return {"paid_usd": paid, "factor_per_second": rate, "longs_pay": longs > shorts}


def _borrowing(case: Case, _: Case) -> dict[str, Any]:
    reserved, other = float(case.get("reserved_usd", case["size_usd"])), case.get("other_side_open_interest")
    own = float(case.get("own_open_interest", case.get("open_interest", reserved)))
    off = bool(case.get("skip_smaller_side", False)) and other is not None and own < float(other)
    factor = borrowing_factor(
        reserved, float(case["pool_usd"]), float(case["borrowing_factor"]), float(case.get("exponent", 1.0)), off
    )
    fee = float(borrowing_fee(float(case["size_usd"]), float(case["seconds"]), factor))
    return {"fee_usd": fee, "factor_per_second": float(factor)}


def _pool_value(case: Case, _: Case) -> dict[str, Any]:
    value = pool_value(
        float(case["deposits"]), float(case.get("accrued_borrowing", 0.0)),
        (float(case.get("long_pnl", 0.0)), float(case.get("short_pnl", 0.0))),
        (float(case.get("long_pool", np.inf)), float(case.get("short_pool", np.inf))),
        float(case.get("max_pnl_factor", 1.0)),
    )  # fmt: skip
    return {"pool_value": float(value)}


def _capped_pnl(case: Case, _: Case) -> dict[str, Any]:
    """What a winner is paid when his side's profit is capped."""
    profit, pool = float(case["pnl"]), float(case["side_pool"])
    side, most = float(case.get("side_pnl", profit)), float(case["max_pnl_factor_traders"])
    paid = float(capped_profit(profit, side, pool, most))
    return {
        "payout": max(float(case.get("collateral", 0.0)) + paid, 0.0),
        **dict.fromkeys(("pnl", "capped_pnl"), paid),
        "side_capped_pnl": float(capped_side_profit(side, pool, most)),
    }


def _profit(case: Case) -> float:
    """Of a position at the case's price."""
    size, entry = float(case["size_usd"]), float(case["entry_price"])
    return _side(case) * size / entry * (float(case["price"]) - entry)


def _liquidation(case: Case, _: Case) -> dict[str, Any]:
    """Whether a position is liquidated, and who gets what."""
    side, size, coin = _side(case), float(case["size_usd"]), float(case["collateral_price"])
    factor, least = float(case["min_collateral_factor"]), float(case.get("min_collateral_usd", 0.0))
    fees = sum(float(case.get(k, 0.0)) for k in ("fees_usd", "borrowing_usd", "funding_usd"))
    market = PoolMarket(
        min_collateral=factor, positive_impact=float(case.get("positive_factor", 0.0)),
        negative_impact=float(case.get("negative_factor", 0.0)), impact_exponent=float(case.get("exponent", 2.0)),
        max_impact=float(case.get("max_impact_factor", 1.0)), fee_positive=float(case.get("fee_factor", 0.0)),
        fee_negative=float(case.get("fee_factor", 0.0)),
    )  # fmt: skip
    parameters = PoolPricedParameters(least_collateral=least, markets={"index": market}, coins={"coin": PoolCoin()})
    engine = PoolPriced.build(parameters, ["index"], ["coin"])
    entry, price = float(case["entry_price"]), float(case["price"])
    position = Position("index", side * size / entry, entry)
    ledger = ledger_of([Statement(-fees, {"coin": float(case["collateral_coins"])}, [position])], ["index"], ["coin"])
    skew = float(case.get("long_open_interest", 0.0)) - float(case.get("short_open_interest", 0.0))
    quiet = MarketState.quiet(np.array([price]), np.array([coin]))
    terms = engine.terms(np.array([price]), np.array([coin]), state=replace(quiet, skew=np.array([skew / price])))
    view = engine.assess(ledger, terms, np.array([0]))
    remaining = float(view.margin_equity[0])
    if "impact_usd" in case:
        remaining -= float(capped_cost(float(case["impact_usd"]), size, float(case.get("max_impact_factor", 1.0))))
    back, gain = liquidation_payout(remaining, float(case["collateral_coins"]), coin)
    return {
        "liquidatable": bool(liquidatable(remaining, size, least, factor)),
        "returned_coins": float(back),
        "pool_gain_coins": float(gain),
        **dict.fromkeys(("remaining_usd", "remaining_collateral_usd"), remaining),
    }


def _adl(case: Case, _: Case) -> dict[str, Any]:
    """Whether a side's profit is so large that it is reduced."""
    profit = float(case["side_pnl"]) if "side_pnl" in case else _profit(case)
    pool, most = float(case["pool_usd"]), float(case["max_pnl_factor_adl"])
    return {"enabled": bool(adl_enabled(profit, pool, most)), "pnl_factor": profit / pool, "pnl": profit}


RULES: dict[str, Callable[[Case, Case], dict[str, Any]]] = {
    "impact_curve": _impact_curve,
    "price_impact": _price_impact,
    "adaptive_funding": _adaptive_funding,
    "static_funding": _static_funding,
    "borrowing": _borrowing,
    "pool_value": _pool_value,
    "capped_pnl": _capped_pnl,
    "liquidation": _liquidation,
    "adl": _adl,
}
