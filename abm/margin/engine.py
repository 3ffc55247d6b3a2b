"""What every family of margin engines offers, and the numbers it is given.

An engine values accounts of a `Ledger` under `Terms`; it keeps no state and knows no account by itself.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from abm.ledger import Ledger

__all__ = ["Assessment", "Engine", "Sensitivity", "Terms", "quantity_to_restore", "quantity_to_restore_python"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(slots=True)
class Terms:
    """Prices and parameters at a moment; M markets, H collaterals.

    Attributes
    ----------
    price : float64[M]
        The price that decides a breach, USD.
    funding : float64[M]
        Cumulative funding paid by one coin long, USD.
    imf, mmf : float64[M]
        Effective initial and maintenance margin fractions.
    coin_price : float64[H]
        Price of each collateral, USD.
    haircut, stale : float64[H]
        Value taken off; factor for the age of what is known of it (1: fresh).
    factor : float64[H]
        (1 - haircut) * stale: what part of a collateral's value counts as margin.
    """

    price: Floats
    funding: Floats
    imf: Floats
    mmf: Floats
    coin_price: Floats
    haircut: Floats
    stale: Floats
    factor: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.factor = (1.0 - self.haircut) * self.stale


@dataclass(frozen=True, slots=True)
class Assessment:
    """float64[rows] each, USD: equity at market, margin equity, initial and maintenance margin, notional."""

    equity: Floats
    margin_equity: Floats
    im: Floats
    mm: Floats
    notional: Floats

    @property
    def free_margin(self) -> Floats:
        """Margin equity less maintenance margin."""
        return np.asarray(self.margin_equity - self.mm)

    def of(self, chosen: Ints) -> "Assessment":
        """Of some of the accounts, by position."""
        return Assessment(
            self.equity[chosen], self.margin_equity[chosen], self.im[chosen], self.mm[chosen], self.notional[chosen]
        )


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """Change of free margin per unit of each price, at the positions held.

    `price` float64[rows, K] by slot (0 in a free one), `coin` float64[rows, H].
    """

    price: Floats
    coin: Floats


class Engine(ABC):
    """A family of margin rules."""

    @abstractmethod
    def free_margin(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows]: free margin, USD; +inf for accounts that cannot breach."""

    @abstractmethod
    def gross_sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows]: most that free margin can fall, in USD, per unit of relative move of all prices and funding."""

    @abstractmethod
    def assess(self, ledger: Ledger, terms: Terms, rows: Ints) -> Assessment:
        """Equity and requirements of some accounts."""

    @abstractmethod
    def sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Sensitivity:
        """First-order sensitivities of free margin."""

    @abstractmethod
    def requirement(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows, K]: each position's part of the maintenance margin, USD."""

    def bankruptcy_price(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows, K]: price of each position at which its share of equity is gone, others held still.

        p - s E / q with s the position's share of maintenance margin; nan in a free slot.
        """
        part = self.requirement(ledger, terms, rows)
        total = part.sum(axis=1, keepdims=True)
        equity = self.assess(ledger, terms, rows).equity[:, None]
        price = np.append(terms.price, np.nan)[ledger.slot_market[rows]]
        size = np.where(ledger.slot_market[rows] >= 0, ledger.slot_size[rows], np.nan)
        share = np.divide(part, total, out=np.zeros_like(part), where=total > 0)
        return np.asarray(price - share * equity / size)


def quantity_to_restore_python(
    size: float, notional: float, part: float, equity: float, margin_equity: float, mm: float, target: float,
    penalty: float,
) -> float:  # fmt: skip
    """How much of one position to close so that free margin is `target` times maintenance, in coins.

    Closing x at price p with penalty f gains x p (m - f) of free margin, and maintenance falls by x p m:
    x = (target MM - F) / (p (m (1 + target) - f)), the whole where that is negative or more than there is.
    `size` and `notional` of the position without sign, `part` its maintenance margin; the rest of the account, USD.
    """
    gain = (part * (1.0 + target) - penalty * notional) / max(size, 1e-300)
    if equity <= 0.0 or gain <= 0.0:
        return size
    return min(max((target * mm - (margin_equity - mm)) / gain, 0.0), size)


quantity_to_restore = njit(cache=True)(quantity_to_restore_python)
