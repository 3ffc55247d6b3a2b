"""Isolated margin around any family: every position and every option of an account stands alone, with collateral of its own.

`split` makes one row of each position and leg of cross accounts.  What an account has (cash before unrealised profit, and
every other collateral) goes to them in proportion to the initial margin that each needs by itself, or in equal parts
where none needs any; `part` of it is allotted, and the rest stays in a wallet that stands behind nothing.  An account
without positions is one row as it is.

At equal positions, collateral and prices isolated margin never loses less: the sum over positions of max(-E_k, 0) is at
least max(-sum E_k, 0), since a maximum of a sum is at most the sum of the maxima.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from abm.ledger import ISOLATED, SYSTEM, Ledger
from abm.margin.engine import Assessment, Engine, Parameters, Part, Sensitivity, Terms
from abm.margin.state import MarketState

__all__ = ["Isolated", "Split", "split"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Split:
    """Accounts taken apart.

    Attributes
    ----------
    ledger
        One row per position or option, with ids of its own.
    parent, slot : int64[rows of it]
        Which of the accounts that were split it is of, by their order, and which slot: positions first, then options,
        -1 for an account that has neither.
    share : float64[rows of it]
        Its part of the account's collateral.
    wallet : float64[accounts], coins : float64[accounts, H]
        What stayed outside, in the settlement asset and in other collateral.
    """

    ledger: Ledger
    parent: Ints
    slot: Ints
    share: Floats
    wallet: Floats
    coins: Floats

    def sums(self, values: Floats) -> Floats:
        """float64[accounts]: the sum of what is known by row."""
        return np.bincount(self.parent, weights=values, minlength=len(self.wallet))

    def least(self, values: Floats) -> Floats:
        """float64[accounts]: the least of what is known by row."""
        result = np.full(len(self.wallet), np.inf)
        np.minimum.at(result, self.parent, values)
        return result

    def any(self, values: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """bool[accounts]: whether it holds for one of an account's rows."""
        return np.asarray(self.sums(values.astype(np.float64)) > 0.0)


def split(ledger: Ledger, engine: Engine, terms: Terms, rows: Ints | None = None, *, part: float = 1.0) -> Split:
    """Take cross accounts apart, position by position.

    Parameters
    ----------
    engine
        The family whose initial margin decides what each is given.
    rows
        Accounts to split; all by default.
    part
        How much of the collateral is allotted; the rest stays in the wallet.

    Raises
    ------
    ValueError
        `part` is not between 0 and 1.
    """
    if not 0.0 <= part <= 1.0:
        raise ValueError(f"part must be between 0 and 1, got {part}")
    rows = np.arange(len(ledger)) if rows is None else np.asarray(rows, np.int64)
    made, parent, slot = _alone(ledger, rows)
    need = engine.assess(made, terms, np.arange(len(made))).im
    total = np.bincount(parent, weights=need, minlength=len(rows))[parent]
    count = np.bincount(parent, minlength=len(rows))
    share = np.divide(need, total, out=1.0 / count[parent], where=total > 0.0)
    paid = ledger.slot_size[rows] * (ledger.slot_entry[rows] - ledger.slot_funding[rows])
    cash = ledger.quote[rows] + paid.sum(axis=1)
    given = np.where(slot[np.searchsorted(parent, np.arange(len(rows)))] >= 0, part, 1.0)
    made.quote += share * (given * cash)[parent]
    made.coins += share[:, None] * (given[:, None] * ledger.coins[rows])[parent]
    return Split(made, parent, slot, share, (1.0 - given) * cash, (1.0 - given)[:, None] * ledger.coins[rows])


def _alone(ledger: Ledger, rows: Ints) -> tuple[Ledger, Ints, Ints]:
    """A ledger with a row per position and option, without collateral; the account and the slot of each, in order."""
    slots, legs = ledger.slots, ledger.leg_series.shape[1]
    held = np.concatenate([ledger.slot_market[rows] >= 0, ledger.leg_series[rows] >= 0], axis=1)
    parent, slot = np.nonzero(np.concatenate([~held.any(axis=1, keepdims=True), held], axis=1))
    slot = slot - 1
    source, count = rows[parent], len(parent)
    made = Ledger(len(ledger.skew), ledger.coins.shape[1], 1, min(legs, 1))
    mode = np.where(ledger.mode[source] == SYSTEM, SYSTEM, ISOLATED).astype(np.int8)
    ids = np.arange(1, count + 1)
    made.add(ids, ledger.owner[source], ledger.holder[source], mode=mode, cohort=0, now=0.0)
    made.cohort[:], made.category[:] = ledger.cohort[source], ledger.category[source]
    made.changed[:] = ledger.changed[source]
    whose = np.flatnonzero((slot >= 0) & (slot < slots))
    for name in ("slot_market", "slot_size", "slot_entry", "slot_funding"):
        getattr(made, name)[whose, 0] = getattr(ledger, name)[source[whose], slot[whose]]
    option = np.flatnonzero(slot >= slots)
    for name in ("leg_series", "leg_size", "leg_entry") if len(option) else ():
        getattr(made, name)[option, 0] = getattr(ledger, name)[source[option], slot[option] - slots]
    made.quote[:] = -made.slot_size[:, 0] * (made.slot_entry[:, 0] - made.slot_funding[:, 0])
    made.long_interest, made.skew = ledger.long_interest.copy(), ledger.skew.copy()
    made.gross = ledger.gross.copy()
    return made, parent.astype(np.int64), slot.astype(np.int64)


class Unset(Parameters):
    """The form of what is around no family."""


class Isolated(Engine):
    """A family's margin, position by position.

    Accounts are split at the prices of the terms each time they are valued; where the allotment is to stay as it was, split
    once, and give every position an account of its own (an account of one position is what it is under `inner`).
    Assessments are the sums over an account's positions, with the wallet in its equity; free margin is that of the
    position that has least, because one below zero is liquidated whatever the others have.
    """

    Parameters = Unset

    worldly = False

    family: ClassVar[type[Engine] | None] = None
    """What `build` wraps."""

    def __init__(self, inner: Engine, *, part: float = 1.0) -> None:
        self.inner, self.part = inner, part
        self.stateful = inner.stateful

    @classmethod
    def around(cls, family: type[Engine]) -> type["Isolated"]:
        """The isolated form of a family, to be built from that family's presets."""
        space = {
            "family": family, "Parameters": family.Parameters, "coin_settled": family.coin_settled,
            "lends": family.lends, "options": family.options, "__doc__": f"{family.__name__}, isolated.",
        }  # fmt: skip
        return type(f"Isolated{family.__name__}", (cls,), space)

    @classmethod
    def build(cls, parameters: Any, markets: Sequence[str], coins: Sequence[str]) -> Self:
        """The engine of a preset of the family it is around.

        Raises
        ------
        TypeError
            It is around none.
        """
        if cls.family is None:
            raise TypeError("Isolated is around no family; build Isolated.around(FAMILY), or give Isolated an engine")
        return cls(cls.family.build(parameters, markets, coins))

    def terms(
        self, price: Floats, coin_price: Floats, *, funding: Floats | None = None, state: MarketState | None = None,
        scale: Floats | None = None, haircut: Floats | None = None, stale: Floats | None = None,
    ) -> Terms:  # fmt: skip
        """Those of the family inside."""
        return self.inner.terms(
            price, coin_price, funding=funding, state=state, scale=scale, haircut=haircut, stale=stale
        )

    def carried(self, price: Floats) -> Floats:
        """As the family inside carries prices."""
        return self.inner.carried(price)

    def split(self, ledger: Ledger, terms: Terms, rows: Ints) -> Split:
        """The accounts' positions, each with its collateral."""
        return split(ledger, self.inner, terms, rows, part=self.part)

    def free_margin(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows]: free margin of each account's worst position; +inf without positions."""
        apart = self.split(ledger, terms, rows)
        return apart.least(self.inner.free_margin(apart.ledger, terms, np.arange(len(apart.ledger))))

    def assess(self, ledger: Ledger, terms: Terms, rows: Ints) -> Assessment:
        """Sums over positions; the wallet is equity and margin equity, at market."""
        apart = self.split(ledger, terms, rows)
        view = self.inner.assess(apart.ledger, terms, np.arange(len(apart.ledger)))
        wallet = apart.wallet + apart.coins @ terms.coin_price
        return Assessment(
            apart.sums(view.equity) + wallet, apart.sums(view.margin_equity) + wallet, apart.sums(view.im),
            apart.sums(view.mm), apart.sums(view.notional),
        )  # fmt: skip

    def gross_sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """The inner family's for an account of one position or none; infinite for others, whose allotment moves."""
        rows = np.asarray(rows, np.int64)
        held = np.count_nonzero(ledger.slot_market[rows] >= 0, axis=1)
        held = held + np.count_nonzero(ledger.leg_series[rows] >= 0, axis=1)
        single = held <= 1
        result = np.full(len(rows), np.inf)
        result[single] = self.inner.gross_sensitivity(ledger, terms, rows[single])
        return result

    def sensitivity(self, ledger: Ledger, terms: Terms, rows: Ints) -> Sensitivity:
        """Of the sum over positions, at the collateral that each has now."""
        apart = self.split(ledger, terms, rows)
        found = self.inner.sensitivity(apart.ledger, terms, np.arange(len(apart.ledger)))
        coin = apart.coins.copy()
        np.add.at(coin, apart.parent, found.coin)
        return Sensitivity(self._by_slot(ledger, apart, found.price, 0.0), coin)

    def requirement(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows, K]: maintenance margin by slot."""
        apart = self.split(ledger, terms, rows)
        found = self.inner.requirement(apart.ledger, terms, np.arange(len(apart.ledger)))
        return self._by_slot(ledger, apart, found, 0.0)

    def bankruptcy_price(self, ledger: Ledger, terms: Terms, rows: Ints) -> Floats:
        """float64[rows, K]: price at which a position's own collateral is gone; nan in a free slot."""
        apart = self.split(ledger, terms, rows)
        found = self.inner.bankruptcy_price(apart.ledger, terms, np.arange(len(apart.ledger)))
        return self._by_slot(ledger, apart, found, np.nan)

    @staticmethod
    def _by_slot(ledger: Ledger, apart: Split, found: Floats, empty: float) -> Floats:
        """What is known of single positions, in their accounts' slots."""
        result = np.full((len(apart.wallet), ledger.slots), empty)
        position = (apart.slot >= 0) & (apart.slot < ledger.slots)
        result[apart.parent[position], apart.slot[position]] = found[position, 0]
        return result

    def explain(self, ledger: Ledger, terms: Terms, row: int) -> tuple[Part, ...]:
        """The parts of each position's row, and what is in the wallet."""
        apart = self.split(ledger, terms, np.array([row]))
        parts = [part for i in range(len(apart.ledger)) for part in self.inner.explain(apart.ledger, terms, i)]
        wallet = float(apart.wallet[0])
        parts.append(Part("cash", -1, wallet, wallet, 0.0, 0.0, "wallet"))
        for h in np.flatnonzero(apart.coins[0]):
            value = float(apart.coins[0, h] * terms.coin_price[h])
            parts.append(Part("collateral", int(h), value, value, 0.0, 0.0, "wallet"))
        return tuple(parts)
