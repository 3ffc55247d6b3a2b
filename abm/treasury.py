"""Coins and who holds them: wallets, pots of protocols, reserves of venues, locks of bridges.

A *token* is an asset at a place (a chain, or an exchange).  Holders are rows, tokens are columns.
What accounts hold inside a protocol is in `abm.ledger`; here the protocol is one holder that has it all.

Nobody can pay what it does not have.  The one exception is *outside*, the rest of the market, which stands behind the
order books: what it has given away is owed by nobody in the world.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["OUTSIDE", "Treasury"]

OUTSIDE = "outside"
"""Name of the one holder whose balance may be negative."""

ROUNDING = 1e-12
"""Part of an amount, and of the most that there has been of a token, which is taken for rounding of running sums."""


class Treasury:
    """Balances of all holders in all tokens, and the supply that they must add up to.

    Attributes
    ----------
    balance
        float64[holders, tokens], in units of the asset.
    supply
        float64[tokens]: what has come into the world less what has left it.
    outside
        Row of the rest of the market.
    """

    def __init__(self, tokens: Iterable[tuple[str, str]]) -> None:
        self.tokens: tuple[tuple[str, str], ...] = tuple(tokens)
        self._column = {token: i for i, token in enumerate(self.tokens)}
        self._row: dict[str, int] = {}
        self._owner_row: dict[int, int] = {}
        self.balance: NDArray[np.float64] = np.zeros((0, len(self.tokens)))
        self.supply: NDArray[np.float64] = np.zeros(len(self.tokens))
        self._peak: NDArray[np.float64] = np.zeros(len(self.tokens))
        self.outside = self.holder(OUTSIDE)

    def token(self, asset: str, place: str) -> int:
        """Column of an asset at a place."""
        return self._column[(asset, place)]

    def holder(self, name: str) -> int:
        """Row of a named holder, made when it is new."""
        if name not in self._row:
            self._row[name] = int(self._grow(1)[0])
        return self._row[name]

    def add_owners(self, owners: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of owners by their ids; the new ones are added in the order given."""
        new = [int(o) for o in owners if int(o) not in self._owner_row]
        if new:
            for owner, row in zip(new, self._grow(len(new)), strict=True):
                self._owner_row[owner] = int(row)
        return np.array([self._owner_row[int(o)] for o in owners], dtype=np.int64)

    def owner(self, owner: int) -> int:
        """Row of one owner."""
        return self._owner_row[owner]

    def _grow(self, count: int) -> NDArray[np.int64]:
        first = len(self.balance)
        self.balance = np.vstack([self.balance, np.zeros((count, len(self.tokens)))])
        return np.arange(first, first + count)

    def covers(
        self, holders: NDArray[np.int64], token: int, amounts: NDArray[np.float64]
    ) -> NDArray[np.bool_]:  # fmt: skip
        """bool[n]: whether each holder has what it is to pay.

        Of several payments of one holder, in their order, those are covered that fit together with all before them.
        """
        order = np.argsort(holders, kind="stable")
        who, before = holders[order], np.cumsum(amounts[order])
        first = np.searchsorted(who, who)  # where each holder's payments begin
        asked = before - (before - amounts[order])[first]
        slack = ROUNDING * (np.abs(amounts[order]) + self._peak[token])
        fits = np.empty(len(holders), np.bool_)
        fits[order] = (asked <= self.balance[who, token] + slack) | (who == self.outside)
        return fits

    def inject(self, holder: int, token: int, amount: float) -> None:
        """Coins come into the world (negative: leave it).

        Raises
        ------
        ValueError
            The holder has not what is to leave.
        """
        self._check(holder, token, -amount)
        self.balance[holder, token] += amount
        self._grown(token, amount)

    def inject_many(self, holders: NDArray[np.int64], token: int, amounts: NDArray[np.float64]) -> None:
        """`inject` for many holders, which must differ from each other."""
        self._check_all(holders, token, -amounts)
        self.balance[holders, token] += amounts
        self._grown(token, float(amounts.sum()))

    def move(self, source: int, target: int, token: int, amount: float) -> None:
        """From one holder to another.

        Raises
        ------
        ValueError
            The source has not that much.
        """
        self._check(source, token, amount)
        self.balance[source, token] -= amount
        self.balance[target, token] += amount

    def collect(self, sources: NDArray[np.int64], target: int, token: int, amounts: NDArray[np.float64]) -> None:
        """From many holders to one; a holder may appear twice.

        Raises
        ------
        ValueError
            One of them has not that much; nothing has moved then.
        """
        self._check_all(sources, token, amounts)
        np.subtract.at(self.balance[:, token], sources, amounts)
        self.balance[target, token] += float(amounts.sum())

    def distribute(self, source: int, targets: NDArray[np.int64], token: int, amounts: NDArray[np.float64]) -> None:
        """From one holder to many; a holder may appear twice.

        Raises
        ------
        ValueError
            The source has not that much.
        """
        total = float(amounts.sum())
        self._check(source, token, total)
        self.balance[source, token] -= total
        np.add.at(self.balance[:, token], targets, amounts)

    def _grown(self, token: int, amount: float) -> None:
        self.supply[token] += amount
        self._peak[token] = max(self._peak[token], self.supply[token])

    def _check(self, holder: int, token: int, amount: float) -> None:
        """Refuse to take from a holder what it has not."""
        slack = ROUNDING * (abs(amount) + self._peak[token])
        if amount > max(self.balance[holder, token], 0.0) + slack and holder != self.outside:
            self._refuse(holder, token, amount)

    def _check_all(self, holders: NDArray[np.int64], token: int, amounts: NDArray[np.float64]) -> None:
        short = np.flatnonzero((amounts > 0.0) & ~self.covers(holders, token, np.maximum(amounts, 0.0)))
        if len(short):
            self._refuse(int(holders[short[0]]), token, float(amounts[short[0]]))

    def _refuse(self, holder: int, token: int, amount: float) -> None:
        name = next((n for n, row in self._row.items() if row == holder), f"the owner in row {holder}")
        asset, place = self.tokens[token]
        raise ValueError(f"{name} has {self.balance[holder, token]} {asset}@{place}, not {amount}")

    def errors(self) -> NDArray[np.float64]:
        """float64[tokens]: sum of balances less supply, as a fraction of the gross."""
        return np.asarray((np.sum(self.balance, axis=0) - self.supply) / self._gross())

    def overdrafts(self) -> NDArray[np.float64]:
        """float64[tokens]: the worst negative balance of any holder but outside, as a fraction of the gross; or 0."""
        gross = self._gross()
        inside = np.arange(len(self.balance)) != self.outside
        return np.asarray(np.min(self.balance[inside], axis=0, initial=0.0) / gross)

    def _gross(self) -> NDArray[np.float64]:
        return np.asarray(np.maximum(np.sum(np.abs(self.balance), axis=0), 1.0))
