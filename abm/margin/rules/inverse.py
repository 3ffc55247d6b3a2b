"""Inverse contracts: a contract is worth one USD, and profit, balance and margin are in the coin.

Profit of Q contracts from E to P = Q * (1 / E - 1 / P) coins: Q is linear in -1 / P, not in P.  A position of v coins
gains v * x / (1 + x) when the price moves by x, relatively (Deribit, support 25944756247837; private/pme/simulate).

Bybit, cross margin (help centre, 360039261334), with side = +1 long, -1 short, balance B, Q without sign:
bankruptcy = (1 + side * fee) * Q / (Q / E + side * B): what is left pays the fee for closing there, and no more;
liquidation = Q / (Q / E + side * room), room = B - Q / E * rate - Q * fee / bankruptcy.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "bankruptcy_price",
    "closing_fee",
    "liquidation_price",
    "profit",
    "scenario_profit",
]

Floats = NDArray[np.float64]


def profit(contracts: Floats | float, entry: Floats | float, price: Floats | float) -> Floats:
    """float64[...]: profit in coins of contracts (USD, signed) from one price to another."""
    return np.asarray(contracts * (1.0 / np.asarray(entry, np.float64) - 1.0 / np.asarray(price, np.float64)))


def scenario_profit(coins: Floats | float, moves: Floats) -> Floats:
    """float64[...]: profit in coins of a position of `coins` (signed, at the price before) when that moves relatively."""
    moves = np.asarray(moves, np.float64)
    return np.asarray(coins * moves / (1.0 + moves))


def bankruptcy_price(
    contracts: Floats | float, entry: Floats | float, balance: Floats | float, fee: Floats | float = 0.0
) -> Floats:
    """float64[...]: price at which balance and profit just pay the fee for closing; infinite where none is so high.

    `contracts` signed, USD; `balance` in coins; nan without contracts.
    """
    size, side, value = _parts(contracts, entry)
    below = value + side * balance
    up = np.full(np.broadcast(below, fee).shape, np.inf)
    found = np.divide((1.0 + side * np.asarray(fee)) * size, below, out=up, where=below > 0.0)
    return np.where(size > 0.0, found, np.nan)


def closing_fee(
    contracts: Floats | float, entry: Floats | float, balance: Floats | float, fee: Floats | float
) -> Floats:
    """float64[...]: fee in coins for closing at the bankruptcy price; 0 where there is none."""
    return np.nan_to_num(np.abs(contracts) * fee / bankruptcy_price(contracts, entry, balance, fee))


def liquidation_price(
    contracts: Floats | float, entry: Floats | float, balance: Floats | float, rate: Floats | float,
    fee: Floats | float = 0.0,
) -> Floats:  # fmt: skip
    """float64[...]: price at which what is left meets maintenance at the entry price and the fee for closing.

    Infinite where no price is so high; nan without contracts.
    """
    size, side, value = _parts(contracts, entry)
    room = balance - value * rate - closing_fee(contracts, entry, balance, fee)
    below = value + side * room
    found = np.divide(size, below, out=np.full(np.shape(below), np.inf), where=below > 0.0)
    return np.where(size > 0.0, found, np.nan)


def _parts(contracts: Floats | float, entry: Floats | float) -> tuple[Floats, Floats, Floats]:
    """Size without sign, side, and value at entry in coins."""
    size = np.abs(np.asarray(contracts, np.float64))
    return size, np.where(np.asarray(contracts) >= 0.0, 1.0, -1.0), np.asarray(size / entry)
