"""Coins and who holds them: wallets, pots of protocols, reserves of venues, locks of bridges.

A *token* is an asset at a place (a chain, or an exchange).  Holders are rows, tokens are columns.
What accounts hold inside a protocol is in `abm.ledger`; here the protocol is one holder that has it all.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Treasury"]


class Treasury:
    """Balances of all holders in all tokens, and the supply that they must add up to.

    Attributes
    ----------
    balance
        float64[holders, tokens], in units of the asset.
    supply
        float64[tokens]: what has come into the world less what has left it.
    """

    def __init__(self, tokens: Iterable[tuple[str, str]]) -> None:
        self.tokens: tuple[tuple[str, str], ...] = tuple(tokens)
        self._column = {token: i for i, token in enumerate(self.tokens)}
        self._row: dict[str, int] = {}
        self._owner_row: dict[int, int] = {}
        self.balance: NDArray[np.float64] = np.zeros((0, len(self.tokens)))
        self.supply: NDArray[np.float64] = np.zeros(len(self.tokens))

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

    def inject(self, holder: int, token: int, amount: float) -> None:
        """Coins come into the world (negative: leave it)."""
        self.balance[holder, token] += amount
        self.supply[token] += amount

    def inject_many(self, holders: NDArray[np.int64], token: int, amounts: NDArray[np.float64]) -> None:
        """`inject` for many holders; holders must differ from each other."""
        self.balance[holders, token] += amounts
        self.supply[token] += float(np.sum(amounts))

    def move(self, source: int, target: int, token: int, amount: float) -> None:
        """From one holder to another."""
        self.balance[source, token] -= amount
        self.balance[target, token] += amount

    def collect(self, sources: NDArray[np.int64], target: int, token: int, amounts: NDArray[np.float64]) -> None:
        """From many holders to one (negative amounts: the other way); a holder may appear twice."""
        np.subtract.at(self.balance[:, token], sources, amounts)
        self.balance[target, token] += float(np.sum(amounts))

    def errors(self) -> NDArray[np.float64]:
        """float64[tokens]: sum of balances less supply, as a fraction of the gross."""
        gross = np.maximum(np.sum(np.abs(self.balance), axis=0), 1.0)
        return np.asarray((np.sum(self.balance, axis=0) - self.supply) / gross)
