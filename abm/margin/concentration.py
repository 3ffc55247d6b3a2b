"""How concentrated a protocol is, and how much of its collateral is used.

Of shares w that sum to one, the Herfindahl index is the sum of w^2: 1 where one has all, 1/n where n have as much each;
its inverse is the number of equals that would be as concentrated.  Beside it stand the shares of the largest few.

Open interest is counted by account and side, collateral by token and account.  Utilisation is what is required of margin
equity, and what is owed of each token out of what is there.  Liquidity-adjusted, notional is over the market's depth:
1 takes all that is quoted within the range that the depth was measured in.

The protocol's own accounts (street, vault) are left out: they hold the other side of everybody.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from abm.margin.book import Book

__all__ = ["collateral_concentration", "herfindahl", "interest_concentration", "top_share", "utilisation"]

Floats = NDArray[np.float64]

TOP = (1, 5, 10)
STEP = 1e-6


def herfindahl(amounts: Floats) -> float:
    """Sum of squared shares of non-negative amounts, 0 where there is nothing.

    Raises
    ------
    ValueError
        An amount is below zero or no number.
    """
    if not np.all(amounts >= 0.0):
        raise ValueError(f"amounts must be >= 0, got {float(np.min(amounts))}")
    whole = float(amounts.sum())
    return float(((amounts / whole) ** 2).sum()) if whole > 0.0 else 0.0


def top_share(amounts: Floats, count: int) -> float:
    """Share of the largest `count` of some non-negative amounts, 0 where there is nothing."""
    whole = float(amounts.sum())
    return float(np.sort(amounts)[::-1][:count].sum()) / whole if whole > 0.0 else 0.0


def interest_concentration(
    book: Book, *, depth: Mapping[str, float] | None = None, top: Sequence[int] = TOP
) -> pl.DataFrame:  # fmt: skip
    """Two rows a market, its longs and its shorts.

    `market, side`, `accounts` that hold any, `size` in coins (as the ledger counts), `notional` in the settlement asset,
    `herfindahl`, `top_K` shares; with `depth`, of the same unit by market, `over_depth` of all and `largest_over_depth` of
    the largest account, null where a market has none.

    Raises
    ------
    ValueError
        A depth is not above zero.
    KeyError
        A depth is given of a market that is not there.
    """
    for name, value in (depth or {}).items():
        if name not in book.assets.markets:
            raise KeyError(f"market {name} is unknown; known: {', '.join(book.assets.markets)}")
        if not value > 0.0:
            raise ValueError(f"depth of {name} must be > 0, got {value}")
    rows = book.rows[book.people]
    market, size = book.ledger.slot_market[rows], book.ledger.slot_size[rows]
    worth = _notional_per_size(book)
    found = []
    for m, name in enumerate(book.assets.markets):
        held = np.where(market == m, size, 0.0).sum(axis=1)
        for side, sign in (("long", 1.0), ("short", -1.0)):
            amounts = np.maximum(sign * held, 0.0)
            row = {"market": name, "side": side, **_spread(amounts, top)}
            row |= {"size": float(amounts.sum()), "notional": float(amounts.sum() * worth[m])}
            if depth is not None:
                room = depth.get(name)
                largest = float(amounts.max(initial=0.0) * worth[m])
                row["over_depth"] = None if room is None else float(amounts.sum() * worth[m]) / room
                row["largest_over_depth"] = None if room is None else largest / room
            found.append(row)
    first = ["market", "side", "accounts", "size", "notional"]
    return pl.DataFrame(found).select(*first, pl.exclude(first)) if found else pl.DataFrame()


def _notional_per_size(book: Book) -> Floats:
    """float64[M]: what a size of one gains per unit of log return, in the settlement asset: the price, or 1 / price."""
    price = book.terms.price
    up, down = (book.engine.carried(price * (1.0 + sign * STEP)) for sign in (1.0, -1.0))
    return np.asarray((up - down) / (2.0 * STEP))


def _spread(amounts: Floats, top: Sequence[int]) -> dict[str, float | int | str | None]:
    """How many have any, and how concentrated it is."""
    shares = {f"top_{k}": top_share(amounts, k) for k in top}
    return {"accounts": int(np.count_nonzero(amounts)), "herfindahl": herfindahl(amounts), **shares}


def collateral_concentration(book: Book, *, settlement: str = "settlement", top: Sequence[int] = TOP) -> pl.DataFrame:
    """One row a token, the settlement asset first.

    `token`, `accounts` with a deposit, `deposited` and `borrowed` in coins, `value` of the deposits in the settlement
    asset and `share` of all deposits, `herfindahl` and `top_K` of the deposits by account, `utilisation`: borrowed over
    deposited, null without deposits.  A balance of the settlement asset is cash before unrealised profit.
    """
    ledger, rows = book.ledger, book.rows[book.people]
    paid = ledger.slot_size[rows] * (ledger.slot_entry[rows] - ledger.slot_funding[rows])
    balance = np.concatenate([(ledger.quote[rows] + paid.sum(axis=1))[:, None], ledger.coins[rows]], axis=1)
    price = np.concatenate([[1.0], book.terms.coin_price])
    values = np.maximum(balance, 0.0).sum(axis=0) * price
    whole = float(values.sum())
    found = []
    for h, name in enumerate((settlement, *book.assets.coins)):
        held = np.maximum(balance[:, h], 0.0)
        deposited, borrowed = float(held.sum()), float(np.maximum(-balance[:, h], 0.0).sum())
        found.append(
            {
                "token": name,
                "deposited": deposited,
                "borrowed": borrowed,
                "value": float(values[h]),
                "share": float(values[h]) / whole if whole > 0.0 else 0.0,
                "utilisation": borrowed / deposited if deposited > 0.0 else None,
                **_spread(held, top),
            }
        )
    first = ["token", "accounts"]
    return pl.DataFrame(found).select(*first, pl.exclude(first))


def utilisation(book: Book) -> pl.DataFrame:
    """One row an account: `account`, `margin_equity`, `notional`, `maintenance_use` and `initial_use` (what is required over
    margin equity; null where that is not above zero), `leverage` (notional over equity, null likewise)."""
    view = book.assess(book.terms)

    def over(part: Floats, whole: Floats) -> Floats:
        return np.asarray(np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0.0))

    return pl.DataFrame(
        {
            "account": book.ledger.id[book.rows],
            "margin_equity": view.margin_equity,
            "notional": view.notional,
            "maintenance_use": over(view.mm, view.margin_equity),
            "initial_use": over(view.im, view.margin_equity),
            "leverage": over(view.notional, view.equity),
        }
    ).with_columns(pl.col("maintenance_use", "initial_use", "leverage").fill_nan(None))
