"""Aave v3's known answers, put to the lending family and its rules.

Each rule takes a case and the file's parameters, and gives what the case asks for by name.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from abm.margin.families.lending import Lending
from abm.margin.families.lending_parameters import Category, LendingParameters, Reserve
from abm.margin.rules.close_factor import CloseFactor, leaves_dust, repayable
from abm.margin.rules.interest import compound_growth, compound_growth_third_order, linear_growth
from abm.margin.rules.seizure import deficit, seize, seize_units
from abm.margin.rules.utilisation import RateCurve, borrow_rate, supply_rate, utilisation, withdrawable
from abm.margin.statement import Statement, ledger_of

__all__ = ["RULES"]

Case = Mapping[str, Any]

CASH = "debt"
"""The reserve that a case's debt is in; its collateral is in others."""


def _first(case: Case, *names: str, default: Any = None) -> Any:
    """The first of some keys that a case has."""
    return next((case[name] for name in names if case.get(name) is not None), default)


def _total(value: Any) -> float:
    """A number, or the sum of a list of numbers or of tables with a `value`."""
    if isinstance(value, list | tuple):
        return sum(_total(v) for v in value)
    return float(value["value"] if isinstance(value, Mapping) else value)


def _reserve(item: Case) -> Reserve:
    """The reserve of a case's collateral; one that is switched off counts nothing."""
    if item.get("enabled", True) is False or item.get("as_collateral", True) is False:
        return Reserve(ltv=0.0, threshold=0.0)
    threshold = float(item.get("threshold", item.get("ltv", 0.0)))
    return Reserve(ltv=float(item.get("ltv", 0.0)), threshold=max(threshold, float(item.get("ltv", 0.0))))


def _category(case: Case, items: list[Case]) -> tuple[int, list[int], Case]:
    """The account's category, which of its collateral is of it, and the category's figures."""
    given = _first(case, "emode", "e_mode", default={})
    figures = dict(given) if isinstance(given, Mapping) else {}
    number = given if isinstance(given, int) and not isinstance(given, bool) else 0
    number = _first(case, "category", "user_category", "emode_category", default=number or int(bool(given)))
    members = []
    for i, item in enumerate(items):
        own = _first(item, "category", "emode_category", default=None)
        flag = item.get("emode", item.get("in_emode"))
        if number and (own == number if own is not None else bool(flag) or (flag is None and "emode_ltv" in item)):
            members.append(i)
            for key in ("ltv", "threshold", "bonus"):
                figures.setdefault(key, _first(item, f"emode_{key}", default=figures.get(key)))
    if number and not members and figures and all("category" not in i and "emode" not in i for i in items):
        members = list(range(len(items)))
    return int(number), members, figures


def _lender(case: Case, items: list[Case], worth: list[float]) -> tuple[float, float, float, float]:
    """What an engine with the case's reserves says: equity, weighted collateral, initial margin, debt."""
    names = [f"collateral {i}" for i in range(len(items))]
    number, members, figures = _category(case, items)
    categories = {}
    if number and members and figures.get("threshold") is not None:
        ltv, threshold = float(figures.get("ltv") or 0.0), float(figures["threshold"])
        held = tuple(names[i] for i in members)
        categories[number] = Category(ltv=ltv, threshold=threshold, collateral=held)
    reserves = {CASH: Reserve(ltv=0.0, threshold=0.0), **dict(zip(names, map(_reserve, items), strict=True))}
    engine = Lending.build(LendingParameters(settlement=CASH, reserves=reserves, categories=categories), (), names)
    debt, coins = _total(case.get("debt", 0.0)), dict(zip(names, worth, strict=True))
    ledger = ledger_of([Statement(-debt, coins, category=number if categories else 0)], (), names)
    view = engine.assess(ledger, engine.terms(np.zeros(0), np.ones(len(names))), np.array([0]))
    return float(view.equity[0]), float(view.margin_equity[0]), float(view.im[0]), float(view.mm[0])


def _health(case: Case, _: Case) -> dict[str, Any]:
    """The account as a whole: averages, health factor, room to borrow."""
    items = [i if isinstance(i, Mapping) else {"value": i} for i in case.get("collateral", [])]
    worth = [float(_first(i, "value", default=0.0) or i.get("amount", 0.0) * i.get("price", 0.0)) for i in items]
    equity, weighted, im, debt = _lender(case, items, worth)
    collateral, lent, room = equity + debt, weighted - (im - debt), max(weighted - im, 0.0)
    counted = sum(w for w, i in zip(worth, items, strict=True) if _reserve(i).threshold > 0.0 or "emode_ltv" in i)
    return {
        "ltv": lent / counted if counted > 0.0 else 0.0,
        "threshold": weighted / counted if counted > 0.0 else 0.0,
        "health_factor": weighted / debt if debt > 0.0 else -1.0,
        "liquidatable": debt > 0.0 and weighted < debt,
        "collateral": collateral, "debt": debt, "net": equity,
        **dict.fromkeys(("room", "borrowing_room", "borrow_room", "available", "available_borrows",
                         "available_to_borrow", "max_borrow", "can_borrow"), room),
    }  # fmt: skip


def _grown(case: Case, growth: float) -> dict[str, Any]:
    """A growth factor, and what it makes of the case's index and balance."""
    index = float(_first(case, "index", "index_before", default=1.0)) * growth
    balance = float(_first(case, "balance", "principal", "scaled_balance", default=1.0))
    return {
        "growth": growth, "rate": growth - 1.0, "interest": growth - 1.0,
        "index": index, "index_after": index, "balance": balance * index,
    }  # fmt: skip


def _linear_interest(case: Case, _: Case) -> dict[str, Any]:
    return _grown(case, float(linear_growth(case["rate"], case["seconds"])))


def _compound_interest(case: Case, _: Case) -> dict[str, Any]:
    series = case.get("method", "third_order") == "third_order"
    growth = compound_growth_third_order if series else compound_growth
    return _grown(case, float(growth(case["rate"], case["seconds"])))


def _rates(case: Case, _: Case) -> dict[str, Any]:
    """Of a reserve with some debt and liquidity."""
    base, slope1, slope2 = (float(case.get(k, 0.0)) for k in ("base", "slope1", "slope2"))
    curve = RateCurve(base, slope1, slope2, float(case.get("optimal", 1.0)))
    debt, liquidity, unbacked = (float(case.get(k, 0.0)) for k in ("debt", "liquidity", "unbacked"))
    used = float(utilisation(debt, liquidity))
    return {
        "borrow_rate": float(borrow_rate(used, curve)),
        "supply_rate": float(supply_rate(debt, liquidity, unbacked, float(case.get("reserve_factor", 0.0)), curve)),
        **dict.fromkeys(("utilisation", "usage", "borrow_usage"), used),
        **dict.fromkeys(("supply_utilisation", "supply_usage"), float(utilisation(debt, liquidity, unbacked))),
        "withdrawable": float(withdrawable(float(case.get("balance", np.inf)), liquidity)),
    }


def _close_factor(case: Case, _: Case) -> dict[str, Any]:
    """The most that may be repaid, what is asked for of it, and what that leaves; all in USD."""
    limits = CloseFactor(
        float(case.get("close_factor", 0.5)), float(case.get("full_below_health", 0.95)),
        float(case.get("full_below_value", 2000.0)), float(case.get("min_leftover", 1000.0)),
    )  # fmt: skip
    debt, collateral = float(case["reserve_debt_value"]), float(case["collateral_value"])
    most = float(repayable(debt, float(case.get("total_debt_value", debt)), collateral, case["health_factor"], limits))
    asked = case.get("request", "all")
    wanted = most if isinstance(asked, str) else min(float(asked), most)
    got = seize(wanted, collateral, 1.0, float(case.get("bonus", 1.0)), float(case.get("protocol_fee", 0.0)))
    taken, repaid = float(got.taken), float(got.repaid)
    left = collateral - taken
    return {
        "max_debt_value": most, "max_repay": most, "repaid_value": repaid,
        "share_of_debt": wanted / debt if debt > 0.0 else 0.0,
        "dust": bool(leaves_dust(debt - repaid, left, limits)),
        "collateral_taken_value": taken, "liquidator_value": float(got.liquidator), "fee_value": float(got.fee),
        "debt_left": debt - repaid, "collateral_left": left, "deficit": float(deficit(debt - repaid, left)),
    }  # fmt: skip


def _seize(case: Case, _: Case) -> dict[str, Any]:
    """What repaying some of a debt takes of a collateral, coins; smallest units where rounding is integer."""
    bonus, share = float(case.get("bonus", 1.0)), float(case.get("protocol_fee", 0.0))
    held, cover = case.get("collateral_balance"), case["debt_to_cover"]
    if case.get("rounding", "none") == "integer":
        price = Fraction(case["debt_price"]) / Fraction(case["collateral_price"])
        price *= Fraction(10) ** (int(case.get("collateral_decimals", 0)) - int(case.get("debt_decimals", 0)))
        units = int(cover)
        whole = int(held) if held is not None else int(units * price * 10) + 10
        balance = float(whole)
        liquidator, fee, repaid = (float(x) for x in seize_units(units, whole, price, bonus, share))
    else:
        balance = float(held) if held is not None else np.inf
        got = seize(float(cover), balance, case["debt_price"] / case["collateral_price"], bonus, share)
        liquidator, fee, repaid = float(got.liquidator), float(got.fee), float(got.repaid)
    left = balance - liquidator - fee
    debt = float(_first(case, "debt", "debt_balance", default=cover))
    return {
        "liquidator": liquidator, "fee": fee, "repaid": repaid, "collateral_left": left,
        **dict.fromkeys(("seized", "taken", "collateral"), liquidator + fee),
        "debt_left": debt - repaid, "deficit": float(deficit(debt - repaid, left)),
    }  # fmt: skip


def _deficit(case: Case, _: Case) -> dict[str, Any]:
    """What is left of a debt when there is no collateral."""
    debt = float(_first(case, "debt", "debt_value", "reserve_debt_value", default=0.0))
    collateral = _total(_first(case, "collateral", "collateral_value", "collateral_balance", default=0.0))
    price = float(case.get("debt_price", 1.0)) / float(case.get("collateral_price", 1.0))
    cover = _first(case, "debt_to_cover", "repaid", default=debt)
    cover = debt if isinstance(cover, str) else min(float(cover), debt)
    got = seize(cover, collateral, price, float(case.get("bonus", 1.0)), float(case.get("protocol_fee", 0.0)))
    left = debt - float(got.repaid)
    return {"deficit": float(deficit(left, collateral - float(got.taken))), "repaid": float(got.repaid)}


RULES: dict[str, Callable[[Case, Case], dict[str, Any]]] = {
    "health": _health,
    "linear_interest": _linear_interest,
    "supply_index": _linear_interest,
    "compound_interest": _compound_interest,
    "debt_index": _compound_interest,
    "rates": _rates,
    "close_factor": _close_factor,
    "seize": _seize,
    "deficit": _deficit,
}
