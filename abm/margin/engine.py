"""What every family of margin engines offers, and the numbers it is given.

An engine values accounts of a `Ledger` under `Terms`; it keeps no state and knows no account by itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numba import njit
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from abm.ledger import CROSS, Ledger
from abm.margin.state import MarketState

__all__ = [
    "Assessment",
    "Engine",
    "Parameters",
    "Part",
    "Sensitivity",
    "Terms",
    "UnknownAsset",
    "chosen",
    "quantity_to_restore",
    "quantity_to_restore_python",
]

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
        Effective initial and maintenance margin fractions; of a small position, where they depend on more.
    coin_price : float64[H]
        Price of each collateral, USD.
    haircut, stale : float64[H]
        Value taken off; factor for the age of what is known of it (1: fresh).
    scale : float64[M]
        What a moving threshold multiplies the requirements of a market by; 1 by default.  `imf` and `mmf` have it in them
        already.
    state : MarketState or None
        What else the family's requirements depend on; none: nothing has been said of it.
    factor : float64[H]
        (1 - haircut) * stale: what part of a collateral's value counts as margin, besides a family's own weights.
    """

    price: Floats
    funding: Floats
    imf: Floats
    mmf: Floats
    coin_price: Floats
    haircut: Floats
    stale: Floats
    scale: Floats = field(default_factory=lambda: np.zeros(0))
    state: MarketState | None = None
    factor: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.factor = (1.0 - self.haircut) * self.stale
        if not len(self.scale):
            self.scale = np.ones(len(self.price))

    @property
    def known(self) -> MarketState:
        """The state, or that of a protocol with nobody else in it."""
        return self.state if self.state is not None else MarketState.quiet(self.price, self.coin_price)


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


class Parameters(BaseModel):
    """The parameters of a family, as a preset gives them; unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class UnknownAsset(ValueError):
    """A market or a collateral that a preset does not have.

    `asset` is its name, `what` says whether as a market or as collateral, `known` are those there are.
    """

    def __init__(self, asset: str, what: Literal["market", "collateral"], known: Sequence[str]) -> None:
        self.asset, self.what, self.known = asset, what, tuple(known)
        super().__init__(f"{what} {asset} is unknown; known: {', '.join(self.known) or 'none'}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.asset, self.what, self.known)


def chosen[P](known: Mapping[str, P], names: Sequence[str], what: Literal["market", "collateral"]) -> list[P]:
    """A preset's parameters of some assets, in their order.

    Raises
    ------
    UnknownAsset
        The preset has none of that name.
    """
    for name in names:
        if name not in known:
            raise UnknownAsset(name, what, sorted(known))
    return [known[name] for name in names]


@dataclass(frozen=True, slots=True)
class Part:
    """What one thing in an account contributes, in the settlement asset; the parts add up to the assessment.

    `index` is that of the market, collateral or series (positions, collaterals and debts, options), -1 for the settlement
    asset and for what belongs to no single one; `note` says what a contingency is for.
    """

    kind: Literal["cash", "collateral", "debt", "position", "option", "contingency"]
    index: int
    equity: float
    margin_equity: float
    im: float
    mm: float
    note: str = ""


class Engine(ABC):
    """A family of margin rules.

    Initial and maintenance margin are defined so that margin equity less each of them is the family's own initial and
    maintenance health: where a family weighs collateral otherwise for each, the difference is part of its initial margin.
    """

    Parameters: ClassVar[type[Parameters]]
    """The form of its presets."""

    lends: ClassVar[bool] = False
    """Whether accounts may owe coins."""

    options: ClassVar[bool] = False
    """Whether accounts may hold options."""

    coin_settled: ClassVar[bool] = False
    """Whether contracts are settled in the coin that they are on, and amounts are in that coin."""

    linear: ClassVar[bool] = False
    """Whether requirements are fractions of notional, which the terms have in `imf` and `mmf`, and free margin is linear
    in prices."""

    stateful: bool = True
    """Whether anything depends on the protocol's state, which the terms then must have, and moves with it."""

    worldly: ClassVar[bool] = True
    """Whether accounts are in the settlement asset and trade on books, so that a protocol of a world can have it."""

    @classmethod
    @abstractmethod
    def build(cls, parameters: Any, markets: Sequence[str], coins: Sequence[str]) -> Self:
        """The engine of a preset for some markets and collaterals, by name of the asset, in the ledger's order.

        Raises
        ------
        UnknownAsset
            The preset has no such market or collateral.
        """

    def terms(
        self, price: Floats, coin_price: Floats, *, funding: Floats | None = None, state: MarketState | None = None,
        scale: Floats | None = None, haircut: Floats | None = None, stale: Floats | None = None,
    ) -> Terms:  # fmt: skip
        """Terms at some prices with the preset's own parameters.

        `scale` multiplies requirements, `haircut` is taken off besides the family's own weights (the weighted family: in
        place of the preset's), `stale` is the factor of old news; by default nothing has moved.
        """
        nothing = np.zeros(len(price))
        return Terms(
            price, nothing if funding is None else funding, nothing, nothing, coin_price,
            np.zeros(len(coin_price)) if haircut is None else haircut, np.ones(len(coin_price)) if stale is None else stale,
            scale=np.ones(len(price)) if scale is None else scale, state=state,
        )  # fmt: skip

    def carried(self, price: Floats) -> Floats:
        """What the ledger carries prices as: a position gains its size times the change of this, in the settlement asset.

        The price itself, unless contracts are settled in the coin that they are on (-1 / price).
        """
        return price

    @abstractmethod
    def explain(self, ledger: Ledger, terms: Terms, row: int) -> tuple[Part, ...]:
        """What each thing in an account contributes to its equity and requirements."""

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

    def fractions(self, terms: Terms) -> tuple[Floats, Floats]:
        """float64[M] twice: initial and maintenance margin over notional of a long of 1,000 USD alone."""
        count = len(terms.price)
        book, rows = Ledger(count, len(terms.coin_price), 1, 1), np.arange(count)
        book.add(rows + 1, rows + 1, rows, mode=CROSS, cohort=0, now=0.0)
        book.trade(rows, rows, 1_000.0 / terms.price, terms.price, terms.funding, 0.0)
        view = self.assess(book, terms, rows)
        return view.im / 1_000.0, view.mm / 1_000.0

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
