"""Synthetix v3 perps' known answers, put to the skew-priced family and its rules.

Each rule takes a case and the file's parameters, and gives what the case asks for by name.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from abm.ledger import CROSS, Ledger
from abm.margin.families.skew_priced import SkewPriced
from abm.margin.families.skew_priced_parameters import Keeper, SkewCoin, SkewMarket, SkewPricedParameters
from abm.margin.rules.fill_price import fill_price
from abm.margin.rules.keeper_reward import keeper_reward
from abm.margin.rules.liquidation_window import LiquidationWindow, WindowLimits, window_capacity
from abm.margin.rules.market_debt import market_debt
from abm.margin.rules.order_fee import order_fee
from abm.margin.rules.skew_funding import funding_paid, funding_rate_after
from abm.margin.statement import Position, Statement, ledger_of

__all__ = ["RULES"]

Case = Mapping[str, Any]

FIELDS = {
    "multiplier": "liquidation_multiplier",
    "max_pd": "max_premium",
    "max_velocity": "max_funding_velocity",
}
"""How a case calls a market's parameters, where the preset calls them otherwise."""


def _fill_price(case: Case, _: Case) -> dict[str, Any]:
    return {"fill_price": float(fill_price(case["price"], case["skew"], case["size"], case["skew_scale"]))}


def _market(given: Case) -> SkewMarket:
    """A market of a case; a key that no preset has is an error there."""
    return SkewMarket(**{FIELDS.get(key, key): value for key, value in given.items()})


def _keeper(case: Case) -> Keeper:
    """What a case's keepers are paid, and cost; nothing where it does not say."""
    guards = {"min_reward": 0.0, "min_profit": 0.0, "max_reward": 0.0, "max_scaling": 0.0, **case.get("guards", {})}
    costs = {key: float(case.get(key, 0.0)) for key in ("flag_cost", "liquidate_cost")}
    return Keeper(**guards, **costs)


def _position(given: Case, markets: Case, prices: Case) -> Position:
    """A position of a case: its entry is what the order that opened it was filled at."""
    market, size = given["market"], float(given["size"])
    opened = float(given.get("open_price", prices[market]))
    entry = given.get("entry_price")
    if entry is None:
        scale = markets[market]["skew_scale"]
        entry = (
            float(fill_price(opened, given.get("skew_at_open", 0.0), size, scale)) if "open_price" in given else opened
        )
    return Position(market, size, float(entry), float(given.get("funding", 0.0)))


def _assessed(case: Case, prices: Case) -> tuple[SkewPriced, Ledger, Any]:
    """The engine, the account as a ledger, and the terms of a case."""
    coins = case.get("coins", {})
    parameters = SkewPricedParameters(
        markets={name: _market(m) for name, m in case["markets"].items()},
        coins={name: SkewCoin(haircut=float(c.get("haircut", 0.0))) for name, c in coins.items()},
        keeper=_keeper(case),
    )
    names, held = list(case["markets"]), list(coins)
    engine = SkewPriced.build(parameters, names, held)
    positions = [_position(p, case["markets"], prices) for p in case.get("positions", [])]
    amounts = {name: float(c.get("amount", 0.0)) for name, c in coins.items()}
    ledger = ledger_of([Statement(float(case.get("collateral", 0.0)), amounts, positions)], names, held)
    price = np.array([prices.get(name, 1.0) for name in names], dtype=np.float64)
    coin_price = np.array([c["price"] for c in coins.values()], dtype=np.float64)
    return engine, ledger, engine.terms(price, coin_price)


def _account(case: Case, _: Case) -> dict[str, Any]:
    """Margin of an account with positions entered at their fill prices."""
    engine, ledger, terms = _assessed(case, case["prices"])
    row = np.array([0])
    view = engine.assess(ledger, terms, row)
    parts = engine.explain(ledger, terms, 0)
    reward = sum(p.mm for p in parts if p.kind == "contingency")
    margin, im, mm = (float(x[0]) for x in (view.margin_equity, view.im, view.mm))
    return {
        "pnl": [p.equity for p in parts if p.kind == "position"],
        "available_margin": margin,
        "initial_margin": im - reward,
        "maintenance_margin": mm - reward,
        **dict.fromkeys(("liquidation_reward", "reward"), reward),
        **dict.fromkeys(("required", "required_margin"), im),
        "liquidatable": bool(engine.free_margin(ledger, terms, row)[0] < 0.0),
        **dict.fromkeys(("withdrawable", "withdrawable_margin"), margin - im),
    }


def _required_margin(case: Case, _: Case) -> dict[str, Any]:
    """Initial margin and reward; a position with the skew of its order is valued at its fill price."""
    prices = dict(case["prices"])
    for p in case.get("positions", []):
        skew = p.get("skew", p.get("skew_at_open"))
        if skew is not None:
            scale = case["markets"][p["market"]]["skew_scale"]
            order = p.get("order", p["size"])
            prices[p["market"]] = float(fill_price(prices[p["market"]], skew, order, scale))
    engine, ledger, terms = _assessed(case, prices)
    view = engine.assess(ledger, terms, np.array([0]))
    reward = sum(p.mm for p in engine.explain(ledger, terms, 0) if p.kind == "contingency")
    im, mm = float(view.im[0]), float(view.mm[0])
    return {
        "required": im, "initial_margin": im - reward, "maintenance_margin": mm - reward,
        "required_maintenance": mm, **dict.fromkeys(("reward", "liquidation_reward"), reward),
    }  # fmt: skip


def _funding(case: Case, _: Case) -> dict[str, Any]:
    """The rate after some time, and what a position paid meanwhile."""
    before, days = float(case.get("rate_before", 0.0)), float(case["days"])
    after = float(funding_rate_after(before, case["skew"], case["skew_scale"], case["max_velocity"], days))
    paid = float(funding_paid(before, after, case.get("size", 0.0), case.get("price", 0.0), days))
    velocity = float(funding_rate_after(0.0, case["skew"], case["skew_scale"], case["max_velocity"], 1.0))
    return {"rate_after": after, "paid": paid, "velocity": velocity}


def _keeper_reward(case: Case, _: Case) -> dict[str, Any]:
    keeper = _keeper(case)
    cost = keeper.flag_cost * float(case.get("feeds", 1)) + keeper.liquidate_cost
    guards = keeper.min_reward, keeper.min_profit, keeper.max_reward, keeper.max_scaling
    reward = keeper_reward(float(case.get("rewards", 0.0)), cost, float(case.get("collateral") or 0.0), guards)
    return {"reward": float(reward), "cost": cost}


def _liquidation_window(case: Case, _: Case) -> dict[str, Any]:
    """What of each request is liquidated."""
    fees = float(case.get("maker_fee", 0.0)), float(case.get("taker_fee", 0.0))
    scale, seconds = float(case["skew_scale"]), float(case["window_seconds"])
    capacity = window_capacity(*fees, scale, float(case.get("multiplier", 1.0)), seconds)
    bound = float(case.get("max_pd", 0.0))
    window = LiquidationWindow(WindowLimits(capacity, seconds, scale, bound))
    done = []
    for event in case["events"]:
        window.limits = WindowLimits(capacity, seconds, scale, float(event.get("max_pd", bound)))
        done.append(window.liquidate(float(event["t"]), float(event["requested"]), float(event.get("skew", 0.0))))
    return {"liquidated": done, "capacity": capacity}


def _order_fee(case: Case, _: Case) -> dict[str, Any]:
    price = case.get("fill_price", case.get("price"))
    return {"fee": float(order_fee(case["skew"], case["size"], price, case["maker_fee"], case["taker_fee"]))}


def _market_debt(case: Case, _: Case) -> dict[str, Any]:
    """What the market owes after a sequence of deposits, trades and prices."""
    steps: Sequence[Case] = case["steps"]
    ids = np.array(sorted({s["account"] for s in steps if s["account"] is not None}), dtype=np.int64)
    ledger = Ledger(1, 0, 1)
    ledger.add(ids, ids, ids, mode=CROSS, cohort=0, now=0.0)
    price, scale = 0.0, float(case.get("skew_scale", 0.0))
    fees = float(case.get("maker_fee", 0.0)), float(case.get("taker_fee", 0.0))
    for step in steps:
        price = float(step["price"])
        if step["account"] is None:
            continue
        row, size, skew = ledger.row(step["account"]), float(step.get("size", 0.0)), float(ledger.skew[0])
        filled = float(fill_price(price, skew, size, scale))
        paid = float(order_fee(skew, size, filled, *fees))
        ledger.quote[row] += float(step.get("deposit", 0.0)) - paid
        ledger.trade(np.array([row]), np.array([0]), np.array([size]), np.array([filled]), np.zeros(1), 0.0)
    sizes, entries = ledger.slot_size[:, 0], ledger.slot_entry[:, 0]
    return {"debt": market_debt(ledger.quote + sizes * entries, sizes, entries, price)}


RULES: dict[str, Callable[[Case, Case], dict[str, Any]]] = {
    "fill_price": _fill_price,
    "account": _account,
    "required_margin": _required_margin,
    "funding": _funding,
    "keeper_reward": _keeper_reward,
    "liquidation_window": _liquidation_window,
    "order_fee": _order_fee,
    "market_debt": _market_debt,
}
