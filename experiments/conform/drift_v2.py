"""Drift v2's known answers, put to the rules of the family with a size premium.

Each rule takes a case and the file's parameters, and gives what the case asks for by name.  The suite rounds weights to 1e-4.
"""

from collections.abc import Callable, Mapping
from typing import Any

from abm.margin.rules.cover_shortage import base_size_to_cover_shortage, liability_transfer_to_cover_shortage
from abm.margin.rules.deposit_scaling import scaled_asset_weight
from abm.margin.rules.size_premium import asset_weight, liability_weight

__all__ = ["RULES"]

Case = Mapping[str, Any]


def _asset_weight(case: Case, _: Case) -> dict[str, Any]:
    return {"value": float(asset_weight(case["weight"], case["imf_factor"], case["size"]))}


def _liability_weight(case: Case, _: Case) -> dict[str, Any]:
    return {"value": float(liability_weight(case["weight"], case["imf_factor"], case["size"]))}


def _scaled_initial_asset_weight(case: Case, _: Case) -> dict[str, Any]:
    """A start of 0 is none."""
    start = float(case.get("scale_start") or float("inf"))
    return {"value": float(scaled_asset_weight(case["weight"], case["deposits"] * case["price"], start))}


def _base_size_to_cover_shortage(case: Case, _: Case) -> dict[str, Any]:
    size = base_size_to_cover_shortage(
        case["shortage"], case["margin_ratio"], case.get("liquidator_fee", 0.0), case.get("insurance_fee", 0.0),
        case["price"], case.get("quote_price", 1.0),
    )  # fmt: skip
    return {"size": float(size)}


def _liability_transfer_to_cover_shortage(case: Case, _: Case) -> dict[str, Any]:
    transfer = liability_transfer_to_cover_shortage(
        case["shortage"], case["asset_weight"], case.get("asset_multiplier", 1.0), case["liability_weight"],
        case.get("liability_multiplier", 1.0), case["liability_price"], case.get("insurance_fee", 0.0),
    )  # fmt: skip
    return {"transfer": float(transfer)}


RULES: dict[str, Callable[[Case, Case], dict[str, Any]]] = {
    "asset_weight": _asset_weight,
    "liability_weight": _liability_weight,
    "scaled_initial_asset_weight": _scaled_initial_asset_weight,
    "base_size_to_cover_shortage": _base_size_to_cover_shortage,
    "liability_transfer_to_cover_shortage": _liability_transfer_to_cover_shortage,
}
