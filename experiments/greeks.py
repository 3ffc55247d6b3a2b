"""Greeks of the accounts of a document: of each by underlying, and of all of them together, which is the protocol's."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from abm.errors import StatementError
from abm.margin.options.aggregate import Legs, per_account, per_protocol, sheet
from abm.margin.options.greeks import NAMES
from abm.option_legs import legs_of
from abm.tables import TABLES
from experiments.valuing import Valued

__all__ = ["UNITS", "greeks_of_accounts", "greeks_of_all"]

Floats = NDArray[np.float64]

UNITS = {"price": ("USD", "worth of the options")} | {
    c.name: (c.unit, c.meaning) for c in TABLES["greeks"].columns if c.name in NAMES
} | {
    "position_delta": ("coins", "signed size of perpetuals and futures"),
    "net_delta": ("coins", "both deltas together"),
}  # fmt: skip
"""Unit and meaning of each figure of an account in one underlying, in order."""


def greeks_of_accounts(valued: Valued, place: str) -> list[dict[str, dict[str, float]]]:
    """By account, in the document's order, and by underlying: the figures of `UNITS`.

    The delta of options is on the forward of each series, that of a position its size.

    Raises
    ------
    StatementError
        Contracts are settled in the coin that they are on: their delta is no number of coins.
    """
    held, size = _held(valued, place)
    return [_named(valued, held[row], size[row]) for row in range(len(size))]


def greeks_of_all(valued: Valued, place: str) -> dict[str, dict[str, float]]:
    """The same of all accounts together."""
    held, size = _held(valued, place)
    total = per_protocol(held, np.zeros(len(held), np.int64), 1)
    return _named(valued, total[0], size.sum(axis=0))


def _held(valued: Valued, place: str) -> tuple[Floats, Floats]:
    """float64[accounts, M, 15] of options, float64[accounts, M] of positions."""
    valuation = valued.valuation
    if valuation.engine.coin_settled:
        raise StatementError(
            place, f"preset {valued.preset.name} settles in the coin, whose delta is none of a number of coins",
            "take a preset with linear contracts",
        )  # fmt: skip
    ledger, series, markets = valuation.ledger, valuation.terms.known.series, len(valuation.markets)
    rows = np.arange(len(ledger))
    legs = Legs(*legs_of(ledger, rows))
    held = per_account(legs, sheet(series), series.underlying.astype(np.int64), len(rows), markets)
    size = np.zeros((len(rows), markets))
    at, slot = np.nonzero(ledger.slot_market >= 0)
    np.add.at(size, (at, ledger.slot_market[at, slot].astype(np.int64)), ledger.slot_size[at, slot])
    return held, size


def _named(valued: Valued, held: Floats, size: Floats) -> dict[str, dict[str, float]]:
    """Figures of one account by the names of underlyings and figures, without underlyings that it has nothing in."""
    named: dict[str, dict[str, float]] = {}
    for m, market in enumerate(valued.valuation.markets):
        if not held[m].any() and size[m] == 0.0:
            continue
        figures: dict[str, Any] = dict(zip(NAMES, held[m].tolist(), strict=True))
        delta = float(held[m, NAMES.index("delta")])
        named[market] = figures | {"position_delta": float(size[m]), "net_delta": delta + float(size[m])}
    return named
