"""Known answers of exchanges: liquidation prices, tiers, inverse contracts, and what is small of SPAN.

Each rule takes a case and the file's parameters, and gives what the case asks for by name.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from abm.margin.families.exchange_tiers import ExchangeTiers, ExchangeTiersParameters
from abm.margin.rules import contingency, inverse
from abm.margin.rules.liquidation_price import entry_liquidation_price, liquidation_price
from abm.margin.rules.size_margin import size_margin, size_rate
from abm.margin.rules.span import span_arrays, span_future
from abm.margin.rules.vol_shock import vol_shock
from abm.margin.statement import Position, Statement, ledger_of
from abm.margin.tiers import amounts, next_amount, tier_of

__all__ = ["RULES"]

Case = Mapping[str, Any]


def _first(case: Case, *names: str) -> Any:
    """The first of some keys that the case has."""
    found = next((name for name in names if name in case), None)
    if found is None:
        raise KeyError(" or ".join(names))
    return case[found]


def _signed(case: Case, *names: str) -> float:
    """A size with the sign of the case's side; its own where the case names no side."""
    size = float(_first(case, *names))
    return size if "side" not in case else abs(size) * (-1.0 if case["side"] in ("short", "sell", -1) else 1.0)


def _priced(found: Any) -> dict[str, Any]:
    return {"price": float(found), "liquidation": float(found), "liquidation_price": float(found)}


def _against_price(case: Case, rate: float) -> dict[str, Any]:
    margin = case["margin"] - case.get("others_maintenance", 0.0) + case.get("others_pnl", 0.0)
    size, amount = _signed(case, "size"), case.get("maintenance_amount", 0.0)
    return _priced(liquidation_price(margin, size, case["entry"], rate, amount))


def _binance(case: Case) -> dict[str, Any]:
    return _against_price(case, case["maintenance_rate"])


def _okx_gate(case: Case) -> dict[str, Any]:
    return _against_price(case, case["maintenance_rate"] + case.get("taker_fee", 0.0))


def _hyperliquid(case: Case) -> dict[str, Any]:
    leverage = case.get("max_leverage")
    return _against_price(case, 0.5 / leverage if leverage else case["maintenance_rate"])


def _bybit(case: Case) -> dict[str, Any]:
    size, entry = _signed(case, "size"), case["entry"]
    margin = abs(size) * entry / case["leverage"] if "leverage" in case else case["margin"]
    return _priced(entry_liquidation_price(margin, size, entry, abs(size) * entry * case["maintenance_rate"]))


def _inverse(case: Case, parameters: Case) -> dict[str, Any]:
    contracts = _signed(case, "contracts", "size", "quantity")
    entry = case["entry"]
    balance = _first(case, "balance", "margin", "wallet", "collateral") - case.get("order_margin", 0.0)
    fee, rate = float(case.get("taker_fee", case.get("fee", 0.0))), _first(case, "maintenance_rate", "rate")
    bankrupt = float(inverse.bankruptcy_price(contracts, entry, balance, fee))
    found = inverse.liquidation_price(contracts, entry, balance, rate, fee)
    return _priced(found) | {"bankruptcy": bankrupt, "bankruptcy_price": bankrupt}


LIQUIDATION: dict[str, Callable[[Case], dict[str, Any]]] = {
    "binance": _binance,
    "bybit": _bybit,
    "bybit_inverse": lambda case: _inverse(case, {}),
    "gate": _okx_gate,
    "hyperliquid": _hyperliquid,
    "inverse": lambda case: _inverse(case, {}),
    "okx": _okx_gate,
    "okx_gate": _okx_gate,
}
"""From a case's `rule` to how its liquidation price is found."""


def _liquidation_price(case: Case, parameters: Case) -> dict[str, Any]:
    if case["rule"] not in LIQUIDATION:
        raise ValueError(f"no rule '{case['rule']}' for a liquidation price; known: {', '.join(LIQUIDATION)}")
    return LIQUIDATION[case["rule"]](case)


def _table(case: Case) -> tuple[Any, Any]:
    """Floors and rates of a case's tiers."""
    floor, rate = np.array(case["tiers"], dtype=np.float64)[:, :2].T
    return floor, rate


def _tiers(case: Case, parameters: Case) -> dict[str, Any]:
    return {"amounts": amounts(*_table(case)).tolist()}


def _tier_lookup(case: Case, parameters: Case) -> dict[str, Any]:
    floor, rate = _table(case)
    notional = abs(float(case["notional"]))
    tier = int(tier_of(floor, notional))
    amount = float(amounts(floor, rate)[tier])
    maintenance = notional * float(rate[tier]) - amount
    return {"rate": float(rate[tier]), "amount": amount, "maintenance": maintenance, "tier": tier}


def _tier_step(case: Case, parameters: Case) -> dict[str, Any]:
    step = next_amount(case.get("previous_amount", 0.0), case["floor"], case["rate"], case["previous_rate"])
    return {"amount": float(step)}


def _size_margin(case: Case, parameters: Case) -> dict[str, Any]:
    base, slope = case["base_rate"], case["rate_per_coin"]
    margin = float(size_margin(case["size"], case["price"], base, slope))
    return {
        "margin": margin,
        "coins": float(size_margin(case["size"], 1.0, base, slope)),
        "rate": float(size_rate(case["size"], base, slope)),
    }


def _inverse_scenarios(case: Case, parameters: Case) -> dict[str, Any]:
    coins = case["size_in_coins"] if "size_in_coins" in case else _signed(case, "contracts", "size") / case["price"]
    return {"pnl": inverse.scenario_profit(coins, np.array(case["moves"])).tolist()}


def _vol_shock(case: Case, parameters: Case) -> dict[str, Any]:
    return {"shock": float(vol_shock(case["days"], case["range"], case["power"]))}


def _contingency(case: Case, parameters: Case) -> dict[str, Any]:
    if case["of"] == "short_options":
        amount = contingency.short_options(case.get("call", 0.0), case.get("put", 0.0), case["rate"])
    elif case["of"] == "spread":
        amount = contingency.spread(case.get("long", 0.0), case.get("short", 0.0), case["rate"])
    else:
        raise ValueError(f"no contingency of '{case['of']}'; known: short_options, spread")
    return {"amount": float(amount)}


ROUNDING = 1e-12
"""Part of the notional by which a margin that meets maintenance exactly can fall short of it in floats."""


def _isolated(case: Case, parameters: Case) -> dict[str, Any]:
    size, entry, leverage = _signed(case, "size"), case["entry"], case["leverage"]
    market = {"tiers": [[0.0, case["maintenance_rate"], 1.0]]}
    form = ExchangeTiersParameters.model_validate({"basis": "entry", "markets": {"X": market}})
    engine = ExchangeTiers.build(form, ["X"], [])
    account = Statement(cash=abs(size) * entry / leverage, positions=(Position("X", size, entry),))
    ledger, terms = ledger_of([account], ["X"], []), engine.terms(np.array([case["price"]]), np.zeros(0))
    view = engine.assess(ledger, terms, np.array([0]))
    return {
        "margin": float(view.margin_equity[0]),
        "maintenance": float(view.mm[0]),
        "liquidated": bool(view.free_margin[0] < -ROUNDING * view.notional[0]),
        "liquidation_price": float(engine.liquidation_price(ledger, terms, np.array([0]))[0, 0]),
    }


def _span_future(case: Case, parameters: Case) -> dict[str, Any]:
    found = span_future(
        case["contracts"], case["price"], case.get("multiplier", 1.0), case["scan_range"],
        case.get("initial_ratio", 1.0), case.get("maintenance_ratio", 1.0),
    )  # fmt: skip
    initial, maintenance = float(found.initial), float(found.maintenance)
    return {
        "scanning_risk": float(found.scanning_risk),
        "initial": initial,
        "maintenance": maintenance,
        "initial_margin": initial,
        "maintenance_margin": maintenance,
    }


def _span_arrays(case: Case, parameters: Case) -> dict[str, Any]:
    sizes, arrays = _portfolio(case)
    risk, worst = span_arrays(np.array(sizes, dtype=np.float64), np.array(arrays, dtype=np.float64))
    return {"scanning_risk": float(risk), "margin": float(risk), "worst_scenario": int(worst)}


def _portfolio(case: Case) -> tuple[Sequence[float], Sequence[Sequence[float]]]:
    """Sizes and arrays: as two lists, as two tables by name, or together in a list of positions."""
    names = [name for name in ("arrays", "risk_arrays") if name in case]
    if not names:
        pairs = [p if isinstance(p, list) else (_first(p, *SIZES), _first(p, *ARRAYS)) for p in case["positions"]]
        return [size for size, _ in pairs], [array for _, array in pairs]
    arrays, sizes = case[names[0]], _first(case, "sizes", "quantities", "positions", "contracts")
    if isinstance(arrays, dict):
        return list(sizes.values()), [arrays[name] for name in sizes]
    return sizes, arrays


SIZES = ("size", "quantity", "contracts", "units")
ARRAYS = ("array", "losses", "risk_array", "arrays")


RULES: dict[str, Callable[[Case, Case], dict[str, Any]]] = {
    "bybit_inverse": _inverse,
    "contingency": _contingency,
    "inverse": _inverse,
    "inverse_liquidation": _inverse,
    "inverse_liquidation_price": _inverse,
    "inverse_scenarios": _inverse_scenarios,
    "isolated": _isolated,
    "liquidation_price": _liquidation_price,
    "size_margin": _size_margin,
    "span_arrays": _span_arrays,
    "span_future": _span_future,
    "tier_lookup": _tier_lookup,
    "tier_step": _tier_step,
    "tiers": _tiers,
    "vol_shock": _vol_shock,
}
