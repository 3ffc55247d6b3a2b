"""Known answers of European options: which public function answers which kind of case.

Kinds and units are those of the suite: years, continuous rates, theta per year, vega and rho per 1.00; `_per_day` is a
365th and `_per_point` a hundredth of them.
"""

from collections.abc import Callable, Mapping
from typing import Any

from abm.margin.options.delta import delta, forward_of
from abm.margin.options.greeks import NAMES, greeks
from abm.margin.options.spot import spot_greeks

__all__ = ["RULES"]

Case = Mapping[str, Any]

PER_DAY = ("theta", "charm", "veta", "rho_decay")
"""Derivatives of which one is by time."""

PER_POINT = ("vega", "rho", "dividend_rho", "vanna", "delta_rho", "veta", "rho_decay")
"""Derivatives of which one is by volatility or a rate."""


def _is_call(case: Case) -> bool:
    """Whether it is a call; ValueError where the type is neither."""
    if case["type"] not in ("call", "put"):
        raise ValueError(f"type must be call or put, got {case['type']}")
    return bool(case["type"] == "call")


def _with_units(values: Mapping[str, float]) -> dict[str, float]:
    """Greeks, and the same per day and per point."""
    per_day = {f"{name}_per_day": values[name] / 365.0 for name in PER_DAY}
    per_point = {f"{name}_per_point": values[name] / 100.0 for name in PER_POINT if name in values}
    return {**values, **per_day, **per_point}


def on_spot(case: Case, parameters: Case) -> dict[str, float]:
    """Black-Scholes-Merton price and Greeks."""
    rates = (case["rate"], case["dividend"])
    found = spot_greeks(case["spot"], case["strike"], case["years"], case["vol"], rates, _is_call(case))
    return _with_units({name: float(value) for name, value in found.items()})


def on_forward(case: Case, parameters: Case) -> dict[str, float]:
    """Black-76 price and Greeks."""
    found = greeks(case["forward"], case["strike"], case["years"], case["vol"], case["rate"], _is_call(case))
    return _with_units(dict(zip(NAMES, (float(x) for x in found), strict=True)))


def by_convention(case: Case, parameters: Case) -> dict[str, float]:
    """Delta by its convention."""
    forward = forward_of(case["spot"], case["discount"], case["foreign_discount"])
    deviation, foreign = case["std_dev"], case["foreign_discount"]
    found = delta(case["convention"], forward, case["strike"], deviation, foreign, _is_call(case))
    return {"delta": float(found)}


RULES: dict[str, Callable[[Case, Case], dict[str, float]]] = {
    "haug_price": on_spot,
    "haug_greek": on_spot,
    "grid_call": on_spot,
    "grid_put": on_spot,
    "black76": on_forward,
    "delta_convention": by_convention,
}
"""The function (case, parameters) -> figures by key, for each kind."""
