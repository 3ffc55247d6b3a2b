"""Documents of accounts for the tests of the command line, small enough to value by hand."""

import copy
import json
from pathlib import Path
from typing import Any

__all__ = ["BOOKS", "LINEAR", "UNIVERSAL", "put", "written"]

LINEAR: dict[str, Any] = {
    "prices": {"BTC": 60_000, "ETH": 2_500},
    "volatility": {"BTC": 0.03, "ETH": 0.04},
    "correlation": 0.8,
    "accounts": [
        {
            "account": "a", "cash": 12_000,
            "positions": [{"market": "BTC", "size": 1, "entry": 58_000}, {"market": "ETH", "size": -10, "entry": 2_600}],
        },
        {"account": "b", "cash": 3_000, "positions": [{"market": "BTC", "size": 1, "entry": 60_000}]},
    ],
}  # fmt: skip

LONG = {"prices": {"BTC": 60_000}, "accounts": [LINEAR["accounts"][1]]}

UNIVERSAL: dict[str, Any] = {
    "time": "2026-11-25T08:00:00Z",
    "prices": {"ETH": 2_000, "ETH-JAN": 2_020},
    "volatility": {"ETH": 0.04},
    "futures": [{"market": "ETH-JAN", "underlying": "ETH", "expiry": "2027-01-04T08:00:00Z"}],
    "series": [
        {"name": "ETH-2DEC-2200-C", "underlying": "ETH", "type": "call", "strike": 2_200, "vol": 0.65,
         "expiry": "2026-12-02T08:00:00Z", "forward": 2_002, "rate": 0.05}
    ],
    "accounts": [
        {
            "account": "mm", "cash": 500, "collateral": {"ETH": 1},
            "positions": [{"market": "ETH", "size": 1, "entry": 1_950}, {"market": "ETH-JAN", "size": -1, "entry": 2_020}],
            "options": [{"series": "ETH-2DEC-2200-C", "size": -1}],
        }
    ],
}  # fmt: skip
"""Perpetual, dated future, option and collateral with a haircut in one account."""

LOAN: dict[str, Any] = {
    "prices": {},
    "collateral_prices": {"WETH": 2_000, "USDC": 1},
    "settlement": "USD",
    "accounts": [{"account": "loan", "collateral": {"WETH": 2, "USDC": -2_000}}],
}

COINS: dict[str, Any] = {
    "prices": {"BTC": 50_000},
    "accounts": [{"account": "coins", "cash": 0.1, "positions": [{"market": "BTC", "size": 10_000, "entry": 40_000}]}],
}

BOOKS: dict[str, dict[str, Any]] = {
    "aave_v3": LOAN, "binance": LINEAR, "bybit_inverse": COINS, "deribit_inverse": COINS, "derive_pmrm": UNIVERSAL,
    "drift_v2": LINEAR, "dydx_v4": LINEAR, "gmx_v2": LONG, "hyperliquid": LINEAR, "mango_v4": LONG, "synthetix_v3": LINEAR,
}  # fmt: skip
"""A good document for each preset that is shipped."""


def put(document: dict[str, Any], *path: Any, value: Any) -> dict[str, Any]:
    """A document with one place changed."""
    made = copy.deepcopy(document)
    inner: Any = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return made


def written(document: Any, name: str = "book.json") -> Path:
    """A document as a file in the working directory; text as it is."""
    path = Path(name)
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return path
