"""The lending family: reserves that are supplied and borrowed, weighed by loan to value and liquidation threshold.

Every token is a reserve; a balance below zero is a debt.  Health factor = sum of collateral * threshold / debt; room to
borrow = sum of collateral * ltv - debt.  Here margin equity is the former sum and maintenance margin the debt, so that
margin equity / maintenance is the health factor; initial margin has in it the difference of threshold and ltv.  In a
category (e-mode) its members count by the category's ltv, threshold and bonus.
Aave v3: aave-dao/aave-v3-origin, src/contracts/protocol/libraries/logic/GenericLogic.sol (`calculateUserAccountData`).
"""

from collections.abc import Sequence
from typing import Self

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.ledger import SYSTEM, Ledger
from abm.margin.engine import Assessment, Engine, Part, Sensitivity, Terms, chosen
from abm.margin.families.lending_parameters import Category, LendingParameters, Reserve
from abm.margin.refusal import RefusedAccount

__all__ = ["Lending", "lending_kernel", "lending_kernel_python"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CATEGORIES = 128
"""Categories that an account can name."""


def lending_kernel_python(
    rows: Ints, quote: Floats, coins: Floats, place: Ints, price: Floats, factor: Floats, threshold: Floats, ltv: Floats
) -> Floats:
    """float64[5, rows]: equity, margin equity, initial and maintenance margin, debt, USD.

    `price`, `factor` by token (settlement asset first); `threshold`, `ltv` by category and token, `place` the category of
    each of the rows by its position in them.
    """
    result = np.zeros((5, len(rows)))
    for i in range(len(rows)):
        for t in range(len(price)):
            value = (quote[rows[i]] if t == 0 else coins[rows[i], t - 1]) * price[t]
            result[0, i] += value
            if value > 0.0:
                value *= factor[t]
                result[1, i] += value * threshold[place[i], t]
                result[2, i] += value * (threshold[place[i], t] - ltv[place[i], t])
            else:
                result[3, i] -= value
        result[2, i] += result[3, i]
        result[4, i] = result[3, i]
    return result


lending_kernel = njit(cache=True)(lending_kernel_python)


class Lending(Engine):
    """Reserves of a lender; the settlement asset is one of them."""

    Parameters = LendingParameters
    lends = True
    worldly = False

    def __init__(self, settlement: Reserve, coins: Sequence[Reserve], categories: dict[int, Category]) -> None:
        self.settlement, self.coins, self.categories = settlement, tuple(coins), categories
        self._place = np.full(CATEGORIES, -1)
        self._place[[0, *categories]] = np.arange(1 + len(categories))
        self._threshold = np.zeros((1 + len(categories), 1 + len(coins)))
        self._ltv = np.zeros_like(self._threshold)
        self._threshold[:] = [r.threshold for r in (settlement, *coins)]
        self._ltv[:] = [r.ltv for r in (settlement, *coins)]

    @classmethod
    def build(cls, parameters: LendingParameters, markets: Sequence[str], coins: Sequence[str]) -> Self:
        """The engine of a preset; a lender has no markets."""
        chosen({}, markets, "market")
        reserves = chosen(parameters.reserves, (parameters.settlement, *coins), "collateral")
        made = cls(reserves[0], reserves[1:], parameters.categories)
        for row, category in enumerate(parameters.categories.values(), start=1):
            members = [t for t, name in enumerate((parameters.settlement, *coins)) if name in category.collateral]
            made._threshold[row, members], made._ltv[row, members] = category.threshold, category.ltv
        return made

    def _values(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[5, rows] of the kernel.

        Raises
        ------
        RefusedAccount
            An account is of a category that there is not.
        """
        rows = np.asarray(rows, np.int64)
        place = self._place[ledger.category[rows]]
        if np.any(place < 0):
            row = int(rows[np.flatnonzero(place < 0)[0]])
            what = f"category {ledger.category[row]} is unknown; known: {sorted(self.categories)}"
            raise RefusedAccount(row, int(ledger.id[row]), "category", what)
        price, factor = self._tokens(terms)
        return np.asarray(
            lending_kernel(rows, ledger.quote, ledger.coins, place, price, factor, self._threshold, self._ltv)
        )

    def _tokens(self, terms: Terms) -> tuple[Floats, Floats]:
        """float64[1 + H] twice: price, and what part of a positive balance counts; settlement asset first."""
        price = np.concatenate([[terms.known.settlement_price], terms.coin_price])
        return price, np.concatenate([[1.0], terms.factor])

    def explain(self, ledger: Ledger, terms: Terms, row: int) -> tuple[Part, ...]:
        """Each balance: what it counts as collateral, or what is owed."""
        place = int(self._place[ledger.category[row]])
        price, factor = self._tokens(terms)
        worth = np.concatenate([[ledger.quote[row]], ledger.coins[row]]) * price
        parts = []
        for t in np.flatnonzero(worth):
            value, index = float(worth[t]), int(t) - 1
            if value < 0.0:
                parts.append(Part("debt", index, value, 0.0, -value, -value))
                continue
            counts = value * float(factor[t])
            held, lent = counts * float(self._threshold[place, t]), counts * float(self._ltv[place, t])
            parts.append(Part("collateral" if index >= 0 else "cash", index, value, held, held - lent, 0.0))
        return tuple(parts)

    def free_margin(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows]: weighted collateral less debt; +inf where nothing is owed."""
        _, weighted, _, debt, _ = self._values(ledger, terms, rows)
        quiet = (debt <= 0.0) | (ledger.mode[rows] == SYSTEM)
        return np.asarray(np.where(quiet, np.inf, weighted - debt))

    def gross_sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """Weighted collateral and debt: neither changes by more than the prices, relatively."""
        _, weighted, _, debt, _ = self._values(ledger, terms, rows)
        return np.asarray(weighted + debt)

    def assess(self, ledger: Ledger, terms: Terms, rows: Ints) -> Assessment:
        """Equity, weighted collateral, initial margin, debt, debt."""
        return Assessment(*self._values(ledger, terms, rows))

    def sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Sensitivity:
        """coins * threshold * factor of what is held, coins of what is owed."""
        rows = np.asarray(rows, np.int64)
        coins = ledger.coins[rows]
        threshold = self._threshold[self._place[ledger.category[rows]], 1:]
        held = coins * threshold * terms.factor
        return Sensitivity(np.zeros((len(rows), ledger.slots)), np.asarray(np.where(coins > 0.0, held, coins)))

    def requirement(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """Nothing: there are no positions."""
        return np.zeros((len(rows), ledger.slots))
